"""What happened to one request, for log line, metrics, ledger and replay.

Rule of this module: no content. Names, numbers and codes only; JSON-safe.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from policyroute.changes import Change
from policyroute.failures import DOMAIN_DOWN, KINDS

COOLING: Final = "cooling"
"""The code of a candidate that was passed over since it rested after failures."""

_RESTED: Final = frozenset({COOLING, DOMAIN_DOWN})


@dataclass(slots=True)
class AttemptRecord:
    """One try. Times are seconds on the exchange's clock; None where it did not come to that.

    `first_event` is the first that shows the client something; `outcome` is `ok`, `client_closed`, `cancelled` or a
    failure kind; `code` the provider's or the transport's own word for the failure, where it is a word and no text;
    `finish` why the answer ended, by the provider (`stop`, `length`, ...); `refused` whether it is a refusal;
    `estimated`: the provider did not say how many tokens there were, and these are about as many; `carried` how it was
    asked to go on with what another attempt had begun (`prefill`, `instruct`, `afresh`);
    `unchecked`: nobody can tell whether its answer fits the schema that was demanded;
    `input_tokens` has `cached_input_tokens` and `cache_write_tokens` in it; `tier` is the service tier that it was
    served at, in the provider's word; `cost_usd` is by the target's price, None where that or the tokens are not known;
    `max_tokens` is what the answer was let have at most, where anything was said of that; `key` where the key is from
    that it went with (`env NAME`), never the key; `adapted` what its payload said otherwise than the client's request;
    `lost` what of the answer the client's dialect has no words for; `confessed` whether it says what is labelled as a
    secret; `circled` whether it repeats itself without end, where somebody listens for that;
    `reasoning_tokens` are some of `output_tokens`; `response_model` is the model that the provider says has answered.
    """

    number: int
    target: str
    provider: str
    model: str
    opened: float
    first_event: float | None = None
    ended: float | None = None
    outcome: str = "open"
    status: int | None = None
    code: str | None = None
    retry_after: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    tier: str = ""
    cost_usd: float | None = None
    estimated: bool = False
    schema_intact: bool | None = None
    unchecked: bool = False
    carried: str | None = None
    max_tokens: int | None = None
    finish: str | None = None
    refused: bool = False
    key: str | None = None
    adapted: tuple[Change, ...] = ()
    lost: tuple[str, ...] = ()
    confessed: bool = False
    circled: bool = False
    reasoning_tokens: int | None = None
    response_model: str | None = None

    @property
    def ttft(self) -> float | None:
        """Seconds from the attempt's beginning to its first event."""
        return None if self.first_event is None else self.first_event - self.opened

    def as_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "target": self.target,
            "provider": self.provider,
            "model": self.model,
            "key": self.key,
            "outcome": self.outcome,
            "status": self.status,
            "code": self.code,
            "ttft_ms": _ms(self.opened, self.first_event),
            "total_ms": _ms(self.opened, self.ended),
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cached_input_tokens": self.cached_input_tokens,
            "cache_write_tokens": self.cache_write_tokens,
            "tier": self.tier or None,
            "cost_usd": self.cost_usd,
            "estimated": self.estimated,
            "schema_intact": self.schema_intact,
            "carried": self.carried,
            "max_tokens": self.max_tokens,
            "finish": self.finish,
            "refused": self.refused,
            "adapted": [change.as_json() for change in self.adapted],
            "lost": list(self.lost),
            "confessed": self.confessed,
            "circled": self.circled,
        }


@dataclass(frozen=True, slots=True)
class Skipped:
    """A candidate that was passed over. `code` says why (`require`, `same_account`, `context_window`, ...)."""

    target: str
    provider: str
    code: str

    def as_json(self) -> dict[str, str]:
        return {"target": self.target, "provider": self.provider, "code": self.code}


@dataclass(slots=True)
class ExchangeRecord:
    """One exchange: the attempts in order, and how it ended. `outcome` is `ok`, `client_closed`, `cancelled`
    (by us), `denied` (by a rule that saw the answer) or a failure kind.

    `schema_intact`: whether the answer fits the schema that was demanded (`schema_hash` names it), None where none was
    or that could not be told. `committed` is when the first of the answer went to the client; after that nobody else
    begins it anew. `fired` are the rules that apply to the answer, `too_late` those of them whose headers could not be
    sent any more.
    """

    started: float
    attempts: list[AttemptRecord] = field(default_factory=list[AttemptRecord])
    skipped: list[Skipped] = field(default_factory=list[Skipped])
    committed: float | None = None
    ended: float | None = None
    outcome: str = "open"
    fired: tuple[str, ...] = ()
    too_late: tuple[str, ...] = ()
    schema_intact: bool | None = None
    schema_hash: str | None = None

    @property
    def completed(self) -> bool:
        """Whether the answer is there, whatever it says."""
        return self.outcome in {"ok", "denied"}

    @property
    def refused(self) -> bool:
        """Whether the last answer is a refusal."""
        return bool(self.attempts) and self.attempts[-1].refused

    @property
    def swapped_from(self) -> tuple[str, str] | None:
        """Target and provider of the first choice, where somebody else was asked instead: it failed, or was passed over
        since it rested. None where nobody was swapped."""
        if not self.attempts:
            return None
        first, last = self.attempts[0], self.attempts[-1]
        if first.outcome in KINDS and (first.target, first.provider) != (last.target, last.provider):
            return first.target, first.provider
        return next(((each.target, each.provider) for each in self.skipped if each.code in _RESTED), None)

    def as_json(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome,
            "refused": self.refused,
            "completed": self.completed,
            "schema_intact": self.schema_intact,
            "schema_hash": self.schema_hash,
            "fired": list(self.fired),
            "too_late": list(self.too_late),
            "commit_ms": _ms(self.started, self.committed),
            "total_ms": _ms(self.started, self.ended),
            "attempts": [attempt.as_json() for attempt in self.attempts],
            "skipped": [skipped.as_json() for skipped in self.skipped],
        }


def _ms(start: float, end: float | None) -> float | None:
    return None if end is None else round((end - start) * 1000, 3)
