"""What conditions see: one object a request, its fields read on first touch and then kept.

Rule of this module: nothing is read before it is asked for. Prompt text, the token estimate and headers cost what they
cost only where a rule that can still match wants them. The names are those of `policy.vocabulary`, flattened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeVar, cast

from policyroute.cel.expression import EvaluationError, Expression
from policyroute.cel.values import Duration, Timestamp, TotalMap
from policyroute.clearance import Clearance
from policyroute.decide.answers import Answer, ResponseFacts, UsageFacts
from policyroute.decide.content import Content, Looked, content, labels
from policyroute.decide.endpoints import Endpoint
from policyroute.decide.state import RoutingState
from policyroute.decide.target_facts import TargetFacts, Targets, seen
from policyroute.integrity.demanded import hash_of, schema_of
from policyroute.lazily import Lazy
from policyroute.ledger import UNKNOWN, Standings
from policyroute.policy.model import Target
from policyroute.policy.qualities import TASK
from policyroute.request import Client, ModelRequest
from policyroute.scrub.profile import DEFAULT, Profile
from policyroute.sessions import Session, next_turn

T = TypeVar("T")

Labels = tuple[Clearance, ...] | EvaluationError
"""How secret texts are, least first; or why nobody can say."""


def _read(path: str) -> Lazy[Any]:
    return Lazy(attrgetter(path))


def _of_session(before: T, read: Callable[[Session], T]) -> Lazy[T]:
    """What it reads of what is kept of the conversation; `before` while nothing is."""
    return Lazy(lambda facts: before if facts.session is None else read(facts.session))


def _known(found: T | EvaluationError) -> T:
    """What was looked for once, its error included."""
    if isinstance(found, EvaluationError):
        raise found.with_traceback(None)
    return found


class Facts:
    """The facts of one request, turned to each candidate in turn while its constraints are asked.

    `granted` are the targets that the client may use, None being all. `profiles` say how texts are labelled. `session`
    is what is kept of the conversation, None at its first request; `labelled` how secret what it showed before is.
    `budgets` are how the request's budgets stand; `expected` is the schema that a rule wants the answer to fit.
    """

    granted: Mapping[str, Target] | None = None
    profiles: Sequence[Profile] = (DEFAULT,)
    session: Session | None = None
    labelled: Labels = ()
    budgets: Standings = UNKNOWN
    expected: Mapping[str, Any] | None = None

    def __init__(
        self,
        request: ModelRequest,
        client: Client,
        state: RoutingState,
        now: float,
        endpoints: Mapping[str, Endpoint],
    ) -> None:
        self.request = request
        self.client = client
        self.state = self._current = state
        self.now = now
        self._endpoints = endpoints
        self.endpoint: Endpoint | None = None
        # What lies ready is taken at once: a plain attribute is cheaper than a lazy one that is touched.
        self.request_model = request.model
        self.request_profile = request.profile
        self.request_stream = request.stream
        self.request_size = request.size
        self.client_id = client.id
        self.client_tenant = client.tenant
        self.client_team = client.team
        self.client_tier = client.tier

    def knowing(self, looked: Looked | None, session: Session | None, labelled: Labels) -> None:
        """What was looked for already is not looked for again."""
        self.session, self.labelled = session, labelled
        if looked is None:
            return
        if looked.content is not None:
            self.__dict__["_content"] = looked.content
        if looked.labels is not None:
            self.__dict__["_labels"] = looked.labels

    def turn_to(self, endpoint: Endpoint, seen: TargetFacts | None = None) -> None:
        """From here on `target` is this endpoint: as it was seen before, or made when it is asked for."""
        if self.endpoint is not endpoint:
            self.endpoint = endpoint
            self.__dict__.pop("target", None)
            if seen is not None:
                self.__dict__["target"] = seen

    def at(self, endpoint: Endpoint, state: RoutingState) -> Facts:
        """The same facts, their target this endpoint as it is in `state`. What was read of the request stays read."""
        facts = object.__new__(type(self))
        facts.__dict__.update(self.__dict__)
        facts.endpoint = endpoint
        facts._current = state
        facts.__dict__.pop("target", None)
        return facts

    def looked(self, endpoint: Endpoint) -> TargetFacts | None:
        """The endpoint as `target`, if anything asked for it since the facts were turned to it."""
        return self.__dict__.get("target") if self.endpoint is endpoint else None

    def answered(self, answer: Answer) -> Facts:
        """Facts of one's own (`at`), with the answer of the endpoint they are turned to."""
        if self.endpoint is None:
            raise ValueError("an answer is somebody's: the facts are not turned to an endpoint")
        self.response = ResponseFacts(answer)
        self.usage = UsageFacts(answer.usage, self.endpoint.spec.price)
        return self

    @Lazy
    def target(self) -> TargetFacts:
        if self.endpoint is None:
            raise AttributeError("target")
        return seen(self.endpoint, self, self._current)

    def task(self) -> str | EvaluationError:
        """What kind of task it is, by the policy's variable of that name; or why nobody can say."""
        return self._task

    def schema(self) -> str:
        """The hash of what the answer has to fit, or empty."""
        return self._schema

    @Lazy
    def _schema(self) -> str:
        return hash_of(schema_of(self.request, self.expected))

    @Lazy
    def _task(self) -> str | EvaluationError:
        """As long as it is being found out it is not known: what finds it out may ask for a target's quality, which
        goes by it."""
        self.__dict__["_task"] = EvaluationError("the kind of task is not known yet")
        try:
            found = getattr(self, f"variables_{TASK}", None)
        except EvaluationError as error:
            return error
        return found if isinstance(found, str) else EvaluationError("the kind of task is not said")

    request_id = _read("request.id")
    request_method = _read("request.method")
    request_path = _read("request.path")
    request_dialect = _read("request.dialect")
    request_operation = _read("request.operation.value")
    request_messages = _read("request.messages")
    request_system = _read("request.system")
    request_last_user = _read("request.last_user")
    request_opening = _read("request.opening")
    request_tools = _read("request.tools")
    request_tool_choice = _read("request.tool_choice")
    request_response_format = _read("request.response_format")
    request_max_tokens = _read("request.max_tokens")
    request_temperature = _read("request.temperature")
    request_params = _read("request.params")
    request_modalities = _read("request.modalities")
    request_input_tokens = _read("request.input_tokens")
    client_role = _read("client.role")
    client_address = _read("client.address")
    session_id = _read("request.conversation_id")
    session_turn = Lazy(lambda facts: next_turn(facts.session))
    session_target = _of_session("", attrgetter("target"))
    session_switches = _of_session(0, attrgetter("switches"))
    session_divergence = _of_session(0, attrgetter("divergence"))
    gateway_in_flight = _read("state.gateway.in_flight")
    gateway_load = _read("state.gateway.load")
    gateway_queue = _read("state.gateway.queue")

    @Lazy
    def request_time(self) -> Timestamp:
        """A request that does not know when it was received was received now."""
        return Timestamp.of(self.request.time or self.now)

    @Lazy
    def request_query(self) -> TotalMap:
        return TotalMap(self.request.query)

    @Lazy
    def request_headers(self) -> TotalMap:
        return TotalMap(self.request.headers)

    @Lazy
    def request_metadata(self) -> TotalMap:
        return TotalMap(self.request.metadata)

    @Lazy
    def session_age(self) -> Duration:
        return Duration.of(max(0.0, self.now - self.session.began) if self.session is not None else 0.0)

    @property
    def session_labels(self) -> tuple[Clearance, ...]:
        return _known(self.labelled)

    @Lazy
    def _labels(self) -> Labels:
        return labels(self.request, self.profiles)

    @Lazy
    def _content(self) -> Content | EvaluationError:
        return content(self.request)

    @property
    def content_pii(self) -> tuple[str, ...]:
        return _known(self._content).pii

    @property
    def content_secrets(self) -> tuple[str, ...]:
        return _known(self._content).secrets

    @property
    def content_labels(self) -> tuple[Clearance, ...]:
        return _known(self._labels)

    @Lazy
    def client_tags(self) -> TotalMap:
        return TotalMap(self.client.tags)

    @Lazy
    def targets(self) -> Targets:
        return Targets(self._endpoints, self, self.state)


class _Variable:
    """A policy's own variable: evaluated at most once a request, its error included."""

    __slots__ = ("_error", "_expression", "_name")

    def __init__(self, name: str, expression: Expression) -> None:
        self._name = f"variables_{name}"
        self._error = f"_error_{name}"
        self._expression = expression

    def __get__(self, facts: Facts, kind: type | None = None) -> Any:
        kept = facts.__dict__
        if self._error in kept:
            raise cast(EvaluationError, kept[self._error]).with_traceback(None)
        try:
            value = kept[self._name] = self._expression.evaluate(facts)
        except EvaluationError as error:
            kept[self._error] = error
            raise
        return value


def facts_class(variables: Mapping[str, Expression], profiles: Sequence[Profile] = ()) -> type[Facts]:
    """The facts of a policy set that has these variables, and scrubs with these profiles and the default one."""
    fields = {f"variables_{name}": _Variable(name, expression) for name, expression in variables.items()}
    return type("PolicyFacts", (Facts,), {**fields, "profiles": (DEFAULT, *profiles)})
