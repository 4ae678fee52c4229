"""A policy set that decides: for each request which targets may serve it, in which order, and what is done to it.

Rule of this module: immutable once made, shared by all requests, and it never waits. How effects combine is here and
nowhere else; docs/decisions.md says it in words.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from policyroute.cel.expression import Environment, EvaluationError
from policyroute.decide import denial, pinning
from policyroute.decide.answers import Answer
from policyroute.decide.budgets import Budgets
from policyroute.decide.budgets import denied as used_up
from policyroute.decide.constraints import goes_by_task
from policyroute.decide.content import Looked, content, labels, questions
from policyroute.decide.decision import Candidate, Decision, Denial, Excluded, Grounds, Hop, RuleError
from policyroute.decide.diverging import reacted
from policyroute.decide.effects import Effects, Order
from policyroute.decide.eligibility import comparable, excluded, floored, of_one_account
from policyroute.decide.endpoints import Endpoints
from policyroute.decide.facts import Facts, Labels, facts_class
from policyroute.decide.grants import Grants
from policyroute.decide.hops import hop
from policyroute.decide.index import Index, compiling
from policyroute.decide.judging import AnswerRules, Verdict, judged
from policyroute.decide.keys import Keys
from policyroute.decide.matching import all_errors_of
from policyroute.decide.merge import Merges
from policyroute.decide.ordering import Named, ordered
from policyroute.decide.resolved import Expectation, ResolvedFallback
from policyroute.decide.routes import Plan, pool
from policyroute.decide.state import RoutingState
from policyroute.decide.steering import steered
from policyroute.failures import FailureKind
from policyroute.ledger import Claim, Standings
from policyroute.policy.model import Mode, Program
from policyroute.policy.vocabulary import FLAT, roots
from policyroute.problems import Problem
from policyroute.request import Client, ModelRequest, Operation
from policyroute.sessions import Session

_LOCAL: Final = Client()
_NOBODY: Final[tuple[tuple[Candidate, ...], tuple[Excluded, ...]]] = ((), ())


class PolicySet:
    def __init__(self, program: Program) -> None:
        self.program = program
        early = (rule for rule in program.rules if not rule.of_answers)
        self._effects = Effects(early, by_task=goes_by_task(program.targets.values()))
        environment = Environment(roots(program.targets, budgets=program.budgets), FLAT)
        self._index = Index(self._effects.rules, environment)
        later = [rule for rule in program.rules if rule.of_answers and rule.mode is not Mode.OFF]
        self._answers = AnswerRules(later, compiling(environment)) if later else None
        self.endpoints = Endpoints(program.targets)
        self._grants = Grants(program.targets)
        known = pool(self.endpoints)
        self._plans = {
            position: Plan(rule.id, rule.route, self.endpoints, known)
            for position, rule in enumerate(self._effects.rules)
            if rule.route is not None
        }
        profiles = {each.profile.name: each.profile for each in self._effects.scrubs()}
        self._facts = facts_class(program.variables, tuple(profiles.values()))
        conditions = [each for rule in program.rules if rule.mode is not Mode.OFF for each in (rule.when, rule.require)]
        self._asked = questions([*program.variables.values(), *conditions])
        default = program.default
        self._default = Plan("default", default.route, self.endpoints, known)
        self._merged = Merges(self._effects, default)
        self._keys = Keys(self._effects.rules, default.session)
        self._budgets = Budgets(program.rules)

    @property
    def revision(self) -> str:
        """The sha256 (hex) of the policy's text."""
        return self.program.revision

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return self.program.warnings

    @property
    def needs_content(self) -> bool:
        """Whether conditions ask what is in a request's texts: of a large request that takes a while to say."""
        return any(self._asked)

    @property
    def needs_session_labels(self) -> bool:
        """Whether any expression asks how secret what was labelled earlier in the conversation is."""
        return "session.labels" in self.program.reads

    def conversation_key(
        self, request: ModelRequest, client: Client, state: RoutingState, now: float, errors: list[RuleError]
    ) -> str:
        """The name of the conversation by the rules, asked before what is kept of it is read; empty where no rule gives
        one, and what the client says stands. Keys that could not be evaluated are added to `errors`."""
        if not self._keys:
            return ""
        return self._keys.of(self._facts(request, client, state, now, self.endpoints.first), errors)

    def claims(
        self, request: ModelRequest, client: Client, state: RoutingState, now: float, session: Session | None = None
    ) -> Mapping[str, Claim | EvaluationError]:
        """The request's part in every budget, by name: how those stand has to be known for `decide`."""
        if not self._budgets:
            return {}
        facts = self._facts(request, client, state, now, self.endpoints.first)
        facts.session = session
        return self._budgets.claims(facts, now)

    def looked(self, request: ModelRequest) -> Looked:
        """What conditions may ask of its texts, for `decide`. A thread may call it that has the request alone."""
        found, labelled = self._asked
        return Looked(
            content(request) if found else None,
            labels(request, self._facts.profiles) if labelled else None,
        )

    def decide(  # noqa: PLR0913 - what a decision rests on
        self,
        request: ModelRequest,
        state: RoutingState,
        now: float,
        *,
        decision_id: str = "",
        client: Client = _LOCAL,
        looked: Looked | None = None,
        session: Session | None = None,
        session_labels: Labels = (),
        budgets: Standings | None = None,
    ) -> Decision:
        """Decide one request, at `now` (epoch seconds). `looked` is what `looked` says of it, if that was asked.
        `session` is what is kept of its conversation, None at the first; `session_labels` (least first) how secret the
        labelled texts of earlier ones are, where `needs_session_labels`; `budgets` how those of `claims` stand, None
        where nothing is spent. Never raises: rules that err are in `errors`, who is not served has `denied` set."""
        effects = self._effects
        facts = self._facts(request, client, state, now, self.endpoints.first)
        facts.budgets = budgets or self._budgets.unspent
        facts.granted = self._grants.of(client.models) if client.models is not None else None
        if looked is not None or session is not None or session_labels:
            facts.knowing(looked, session, session_labels)
        matched, erred = self._index.match(facts)
        applying, errors = matched | effects.closing(erred), all_errors_of(effects.rules, erred)
        enforced, applied = matched & ~effects.shadow, applying & ~effects.shadow
        constraints = effects.constrain.of(applied)
        grounds = Grounds(facts, constraints, self.endpoints)
        (candidates, out), course = _NOBODY, self._merged.course(enforced)
        denied = self._denied(applied, erred, facts, errors)
        if course.watch.react and denied is None:
            course, denied = reacted(request, course, session)
        route, (fallback, expected) = self._route(enforced), self._fallbacks(enforced, facts)
        if denied is None:
            found = self._candidates(*route, grounds, errors, fallback)
            candidates, out, denied = steered(state.overrides, *found) if state.overrides else found
        if session is not None or course.reaction is not None:
            candidates, course = pinning.settled(session, course, request, candidates, out, self.endpoints)
        return Decision(
            decision_id,
            self.program.revision,
            denied,
            candidates,
            out,
            route[0],
            effects.named(applied),
            effects.named(applying & effects.shadow),
            fallback,
            self._merged.limits.of(enforced),
            *effects.changes(enforced),
            tuple(errors),
            grounds,
            self._answers.awaiting(facts) if self._answers is not None and denied is None else None,
            self._merged.hold.of(enforced),
            self._merged.resume.of(enforced),
            expected,
            *effects.guards(applied),
            course,
            effects.paying(applied),
        )

    def allowed(self, client: Client, asked: Collection[tuple[str, Operation]]) -> tuple[str, ...]:
        """The targets that the client may use in requests that are `asked` (dialect and operation), by name, whatever
        the rules make of one."""
        granted = self._grants.of(client.models)
        names = self.program.targets if granted is None else granted
        return tuple(name for name in names if self.endpoints.reached(name, asked))

    def hop(self, decision: Decision, candidate: Candidate, state: RoutingState) -> Hop:
        """What the rules say of one attempt, with the target as it is now.

        Raises ValueError for a decision or candidate that is not this policy set's.
        """
        endpoint = self.endpoints.at(candidate.target, candidate.provider.name)
        if decision.grounds is None or endpoint is None:
            raise ValueError("a hop needs a decision of this policy set's own and one of its candidates")
        facts, constraints, _ = decision.grounds
        errors: list[RuleError] = []
        asked = decision.transforms or decision.request_headers or decision.response_headers
        guarded = decision.redactions or decision.censors or decision.scrubs
        if not (constraints or asked or guarded or candidate.facts):
            # No rule asks about the target: there is nothing to turn to it.
            out = excluded(endpoint, facts, state, (), errors, decision.fallback, decided=True)
            return Hop(candidate, out, trim=decision.fallback.trims)
        facts = facts.at(endpoint, state)
        out = excluded(endpoint, facts, state, constraints, errors, decision.fallback, decided=True)
        return hop(decision, candidate, facts, out, errors)

    def judge(self, decision: Decision, candidate: Candidate, state: RoutingState, answer: Answer) -> Verdict:
        """What the rules that the decision awaits (`decision.awaiting`) make of the candidate's answer.

        Raises ValueError for a decision or candidate that is not this policy set's.
        """
        endpoint = self.endpoints.at(candidate.target, candidate.provider.name)
        if decision.grounds is None or endpoint is None:
            raise ValueError("an answer needs a decision of this policy set's own and one of its candidates")
        if decision.awaiting is None:
            return Verdict()
        return judged(decision.awaiting, decision.grounds.facts.at(endpoint, state).answered(answer))

    def _fallbacks(self, enforced: int, facts: Facts) -> tuple[ResolvedFallback, Expectation | None]:
        """Where a schema is expected, an answer that does not fit is a failure like others."""
        fallback, found = self._merged.fallback.of(enforced), self._effects.expect.first(enforced)
        if found is None:
            return fallback, None
        rule, expected = found[1]
        facts.expected = expected.schema
        after = fallback.after | {FailureKind.SCHEMA_INVALID}
        return replace(fallback, after=after), Expectation(rule, expected.file, expected.schema)

    def _denied(
        self, applied: int, erred: dict[int, EvaluationError], facts: Facts, errors: list[RuleError]
    ) -> Denial | None:
        found = self._effects.deny.first(applied)
        if found is not None:
            return denial.by_rule(found[1], erred.get(found[0]))
        paying = self._effects.budget.of(applied)
        return used_up(paying, facts, errors) if paying else None

    def _route(self, enforced: int) -> tuple[str, Plan, Order | None]:
        found = self._effects.route.first(enforced)
        if found is not None:
            plan = self._plans[found[0]]
            return self._effects.ids[found[0]], plan, plan.order
        plan, ranking = self._default, self._effects.rank.first(enforced)
        return "default", plan, ranking[1] if ranking and plan.as_written else plan.order

    def _candidates(  # noqa: PLR0913, PLR0917 - who is a candidate depends on all of these
        self,
        rule: str,
        plan: Plan,
        order: Order | None,
        grounds: Grounds,
        errors: list[RuleError],
        fallback: ResolvedFallback,
    ) -> tuple[tuple[Candidate, ...], tuple[Excluded, ...], Denial | None]:
        """Those the route names, in its order: the eligible, and the others with the reason; or the end, where the
        first who could be asked would have to be asked for less and the rules do not want that."""
        facts, constraints, _ = grounds
        session = facts.session
        ahead = pinning.ahead(session, facts.request) if session is not None else ()
        lineup = plan.lineup(facts.request, facts.client.tenant, ahead)
        kept = facts.request.kept if len(lineup.candidates) > 1 else ""
        plain = fallback.on_unsupported == "adapt" and not kept
        if plain and lineup.unobstructed(facts) and (met := lineup.meeting(constraints, facts)):
            one = order is None or len(met.candidates) < 2
            return met.candidates if one else ordered(order, met.named, facts, errors), met.out, None
        eligible: list[Named] = []
        out: list[Excluded] = []
        for endpoint, candidate in lineup.named:
            if reason := excluded(endpoint, facts, facts.state, constraints, errors, fallback):
                out.append(reason)
                if not eligible and reason.code in fallback.ends_with:
                    return (), tuple(out), denial.of_first(reason)
            elif constraints and (seen := facts.looked(endpoint)):
                eligible.append((endpoint, replace(candidate, facts=seen)))
            else:
                eligible.append((endpoint, candidate))
        candidates = ordered(order, eligible, facts, errors)
        if facts.request.operation is Operation.EMBEDDINGS:
            candidates, others = comparable(candidates)
            out += others
        if kept:
            candidates, others = of_one_account(candidates, kept)
            out += others
        if not candidates:
            return (), tuple(out), denial.nobody(tuple(out), facts.request.model, floored(out, grounds, fallback), rule)
        return candidates, tuple(out), None
