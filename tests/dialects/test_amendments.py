"""Stop sequences that are ours to keep, and tools that went by another name."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from policyroute.dialects.amendments import Amender, Amendments, amended
from policyroute.events import Finished, FinishReason, StreamEvent, TextDelta, ToolCallDelta, Usage

CHARS = st.text(alphabet="ab\n", max_size=6)


def text_of(events: list[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@given(st.lists(CHARS, max_size=12), st.lists(st.text(alphabet="ab\n", min_size=1, max_size=4), min_size=1, max_size=3))
def test_an_answer_ends_where_the_first_stop_sequence_begins_however_it_is_cut(
    pieces: list[str], sequences: list[str]
) -> None:
    whole = "".join(pieces)
    places = [at for each in sequences if (at := whole.find(each)) >= 0]
    amender = Amender(Amendments(stop=tuple(sequences)))
    said: list[StreamEvent] = []
    for piece in pieces:
        said += amender.passed([TextDelta(piece)])
        assert whole.startswith(text_of(said))
    said += amender.passed([Finished(FinishReason.LENGTH), Usage(1, 2)])
    said += amender.rest()
    met = _first_met(pieces, sequences)
    assert amender.ended == bool(places)
    assert text_of(said) == (whole if met is None else whole[:met])
    ends = [event.reason for event in said if isinstance(event, Finished)]
    assert ends == [FinishReason.STOP if places else FinishReason.LENGTH]
    assert [event for event in said if isinstance(event, Usage)] == [Usage(1, 2)]


def _first_met(pieces: list[str], sequences: list[str]) -> int | None:
    """As a reader would see it who looks after every piece."""
    seen = ""
    for piece in pieces:
        seen += piece
        places = [at for each in sequences if (at := seen.find(each)) >= 0]
        if places:
            return min(places)
    return None


def test_a_tool_is_called_by_the_clients_name_for_it() -> None:
    call = ToolCallDelta(0, "c1", "look_1a2b", "{}")
    (told,) = amended([call], Amendments(names={"look_1a2b": "look_at_everything"}))
    assert isinstance(told, ToolCallDelta) and told.name == "look_at_everything"


def test_without_anything_to_amend_all_passes_as_it_is() -> None:
    events: list[StreamEvent] = [TextDelta("a"), Finished(FinishReason.STOP)]
    assert Amender(Amendments()).passed(events) is events
