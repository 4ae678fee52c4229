"""What is personal, secret or labelled in a request, as conditions see it: kinds and labels, never the text.

Rule of this module: nobody is kept waiting. Of texts that are too long to look through it is not known what is in them,
and a condition that asks errs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from policyroute.cel.expression import EvaluationError, Expression
from policyroute.clearance import Clearance
from policyroute.exhausted import Exhausted
from policyroute.redact.detectors import detector
from policyroute.redact.kinds import expanded
from policyroute.request import ModelRequest, Operation
from policyroute.scrub import Profile, glance, segments
from policyroute.scrub.labelling import Reader
from policyroute.scrub.segment import OPEN
from policyroute.scrub.tags import Untidy

MOST: Final = 100_000
"""Characters of all texts together: what is looked through in the time that one request may keep others waiting."""

_FOUND: Final = frozenset({"content.pii", "content.secrets"})
_ALL: Final = ("all",)
_LABELS: Final = "content.labels"
_SECRETS: Final = expanded(["secrets"])


class Content(NamedTuple):
    """The kinds that were found, in the order of their names."""

    pii: tuple[str, ...]
    secrets: tuple[str, ...]


class Looked(NamedTuple):
    """What there is in a request's texts, looked for before anybody asks; None where nobody does."""

    content: Content | EvaluationError | None
    labels: tuple[Clearance, ...] | EvaluationError | None


class Questions(NamedTuple):
    """Which of it the conditions of a policy ask for: what is found, and how texts are labelled."""

    found: bool
    labels: bool


def content(request: ModelRequest) -> Content | EvaluationError:
    """What is in the request's texts, or why nobody can say."""
    texts = [text for text in _texts(request) if text]
    if sum(map(len, texts)) > MOST:
        return EvaluationError(f"the texts are too long to look through: {MOST:,} characters at most")
    try:
        found = sorted({finding.kind for text in texts for finding in detector(_ALL).find(text)})
    except Exhausted:
        return EvaluationError("looking through the texts took too much")
    pii = tuple([kind for kind in found if kind not in _SECRETS])
    return Content(pii, tuple([kind for kind in found if kind in _SECRETS]))


def labels(request: ModelRequest, profiles: Sequence[Profile]) -> tuple[Clearance, ...] | EvaluationError:
    """How secret the request's texts are, least first, or why nobody can say. What nobody labels is `internal`."""
    if request.operation is Operation.EMBEDDINGS or not glance(request.body, profiles):
        return (Clearance.INTERNAL,)
    reader = Reader(profiles)
    try:
        read = [reader.pieces(each) for each in segments(request.prompt) if each.kind not in OPEN]
    except Untidy:
        return EvaluationError("the tags that label the texts cannot be read")
    except Exhausted:
        return EvaluationError("reading the labels of the texts took too much")
    return tuple(sorted({piece.label for some in read for piece in some if not piece.markup and piece.text.strip()}))


def questions(conditions: Iterable[Expression | None]) -> Questions:
    """What these ask. The detector is made, if they ask for what it finds: no request should wait for that."""
    reads = {read for each in conditions if each is not None for read in each.reads}
    if found := not _FOUND.isdisjoint(reads):
        detector(_ALL)
    return Questions(found, _LABELS in reads)


def _texts(request: ModelRequest) -> Iterator[str]:
    for message in request.messages:
        yield message.text
        yield from (call.arguments for call in message.tool_calls)
    yield from (tool.description for tool in request.tools)
    yield from request.metadata.values()
