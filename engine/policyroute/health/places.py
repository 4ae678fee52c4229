"""Where attempts go, as far as their failures are about it, and what each kind of failure is about.

Rule of this module: values. A place is what is asked, not what a policy calls it, so that a reload changes nothing.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, NamedTuple

from policyroute.failures import Failure, FailureKind

MODEL, ENDPOINT, PROVIDED, ACCOUNT, ACCOUNT_MODEL = "model", "endpoint", "provided", "account", "account model"


class Scope(NamedTuple):
    """What a cool-down is about: one of the words above, and who it is."""

    what: str
    about: tuple[Hashable, ...]


class Place(NamedTuple):
    """`endpoint` is a base URL and how it is reached. `account` tells whose the attempt is; None where several keys
    share the work, since each of them has a rest of its own, or where the caller brought one. `operation` is what is
    asked of the model: a model may not be there for one of them only."""

    endpoint: Hashable
    region: str
    model: str
    operation: str
    account: Hashable | None

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """All that keeps an attempt from going there."""
        always = (self.of(MODEL), self.of(ENDPOINT), self.of(PROVIDED))
        return always if self.account is None else (*always, self.of(ACCOUNT), self.of(ACCOUNT_MODEL))

    def of(self, what: str) -> Scope:
        endpoint, region, model = self.endpoint, self.region, self.model
        if what == MODEL:
            return Scope(what, (endpoint, region, model))
        if what == ENDPOINT:
            return Scope(what, (endpoint, region))
        if what == PROVIDED:
            return Scope(what, (endpoint, model, self.operation))
        if what == ACCOUNT:
            return Scope(what, (endpoint, self.account))
        return Scope(what, (endpoint, self.account, model))


TRANSPORT: Final = frozenset(
    {
        FailureKind.UNAVAILABLE,
        FailureKind.TIMEOUT_CONNECT,
        FailureKind.TIMEOUT_TTFT,
        FailureKind.TIMEOUT_IDLE,
        FailureKind.STREAM_BROKEN,
        FailureKind.EMPTY,
    }
)
"""What may happen once to anybody: a single one of these says nothing."""

_ABOUT: Final = {
    FailureKind.OVERLOADED: MODEL,
    **dict.fromkeys(TRANSPORT, MODEL),
    FailureKind.TIMEOUT_CONNECT: ENDPOINT,
    FailureKind.MODEL_NOT_FOUND: PROVIDED,
    FailureKind.RATE_LIMITED: ACCOUNT_MODEL,
    FailureKind.QUOTA_EXHAUSTED: ACCOUNT,
}

DEPARTED: Final = "departed"
"""The code of an attempt that was to go on with another's answer and said something else: the target is well."""

CIRCLING: Final = "circling"
"""The code of an answer that repeats itself without end: it is the model's, not the place's."""

_OF_AN_ANSWER: Final = frozenset({DEPARTED, CIRCLING})

_OF_AN_ACCOUNT: Final = frozenset(
    {FailureKind.MODEL_NOT_FOUND, FailureKind.RATE_LIMITED, FailureKind.QUOTA_EXHAUSTED},
)


_OF_THE_PLACE: Final = frozenset({MODEL, ENDPOINT})


def is_the_places(failure: Failure) -> bool:
    """Whether it says that the place is ill: the request, the answer asked for and the account are others' matter."""
    return failure.code not in _OF_AN_ANSWER and _ABOUT.get(failure.kind) in _OF_THE_PLACE


def concerned(place: Place, failure: Failure, *, reached: bool) -> Scope | None:
    """What the failure of an attempt there is about, if it is about more than the request. `reached`: there was a
    connection."""
    what = None if failure.code in _OF_AN_ANSWER else _ABOUT.get(failure.kind)
    if what is None or (failure.client_key and failure.kind in _OF_AN_ACCOUNT):
        return None
    if what in {ACCOUNT, ACCOUNT_MODEL} and place.account is None:
        return None
    return place.of(what if reached else ENDPOINT)
