"""Fields of records and keys of maps: whether they exist, when they are known, and whether they may be absent.

Rule of this module: an expression reads what its phase knows, and what may be absent only where it has asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from policyroute.cel.check_calls import resolve
from policyroute.cel.expression import Demand, Environment
from policyroute.cel.findings import Findings, did_you_mean, listed
from policyroute.cel.folding import constant
from policyroute.cel.guards import Paths, path_of
from policyroute.cel.syntax import Call, Ident, Literal, Node, Select
from policyroute.cel.trouble import OMITTABLE, PHASE, TYPE, UNGUARDED, UNKNOWN_NAME
from policyroute.cel.types import BOOL, DYN, Field, Kind, Phase, Type

_Variables = Mapping[str, Type]


class Fields:
    def __init__(self, environment: Environment, demand: Demand, findings: Findings) -> None:
        self.environment = environment
        self.demand = demand
        self.findings = findings

    def select(self, node: Select, variables: _Variables, guards: Paths, tested: bool) -> Node:
        """`operand.field`, whose operand is typed."""
        of = node.operand.type
        if isinstance(node.operand, Literal) and of.kind is Kind.MAP:
            return self._constant(node, node.operand)
        if of.kind is Kind.RECORD:
            return self._of_record(node, variables, guards, tested)
        if of.kind is Kind.MAP:
            return self._of_map(node, guards)
        if of.kind is Kind.DYN:
            if not node.test:
                self._guard(node, guards)
            return replace(node, type=BOOL if node.test else DYN)
        self.findings.error(TYPE, f"{of} has no fields", node, _method_hint(node.field))
        return replace(node, type=DYN)

    def element(self, node: Call, variables: _Variables, guards: Paths) -> Node:
        """`container[key]`, both typed."""
        container, key = node.args
        of = container.type
        if of.kind is Kind.RECORD:
            name = key.value if isinstance(key, Literal) else "..."
            self.findings.error(TYPE, f"`{of}` is a record", node, f"write {path_of(container) or 'x'}.{name}")
            return replace(node, type=DYN)
        by_name = isinstance(key, Literal) and isinstance(key.value, str)
        if by_name and (of.kind is Kind.DYN or (of.kind is Kind.MAP and not of.total and not of.closed)):
            self._guard(node, guards)
        if not of.closed:
            self.note_root(container, variables)
        return resolve(node, self.findings)

    def note_root(self, node: Node, variables: _Variables) -> None:
        """A root that is a value itself is read as a whole."""
        if isinstance(node, Ident) and node.name not in variables and node.type.kind is not Kind.RECORD:
            self.findings.reads.add(node.name)

    def owner_of(self, name: str) -> str | None:
        """A hint where a field of some root is called so."""
        for root, type_ in self.environment.roots.items():
            if name in type_.fields:
                return f"did you mean `{root}.{name}`?"
        return None

    def _constant(self, node: Select, operand: Literal) -> Node:
        held: Mapping[object, object] = operand.value
        if node.test:
            return constant(node.field in held, node)
        if node.field in held:
            return constant(held[node.field], node)
        names = [str(name) for name in held]
        hint = did_you_mean(node.field, names) or (f"there are {listed(names)}" if names else "there are none")
        self.findings.error(UNKNOWN_NAME, f"unknown constant `{node.field}`", node, hint)
        return replace(node, type=DYN)

    def _of_record(self, node: Select, variables: _Variables, guards: Paths, tested: bool) -> Node:
        record = node.operand.type
        field = record.fields.get(node.field)
        if field is None:
            hint = self.owner_of(node.field) or did_you_mean(node.field, record.fields)
            hint = hint or f"its fields are {listed(record.fields)}"
            self.findings.error(UNKNOWN_NAME, f"unknown field `{node.field}` of {record}", node, hint)
            return replace(node, type=BOOL if node.test else DYN)
        self._phase(node, field)
        self._read(node, field, variables)
        if field.optional and not node.test and not (tested and field.type.kind is Kind.RECORD):
            self._guard(node, guards)
        return replace(node, type=BOOL if node.test else field.type)

    def _of_map(self, node: Select, guards: Paths) -> Node:
        of = node.operand.type
        if of.folded_keys:
            node = replace(node, field=node.field.lower())
        if of.closed and of.key and node.field not in of.key.choices:
            hint = did_you_mean(node.field, of.key.choices)
            self.findings.error(UNKNOWN_NAME, f"there is no `{node.field}` here: {listed(of.key.choices)}", node, hint)
        if of.key and of.key.kind not in (Kind.STRING, Kind.DYN):
            self.findings.error(TYPE, f"the keys of this map are {of.key}, not names", node, "write x[key]")
        if not node.test and not of.total and not of.closed:
            self._guard(node, guards)
        return replace(node, type=BOOL if node.test else of.item or DYN)

    def _phase(self, node: Select, field: Field) -> None:
        if field.phase > self.demand.phase:
            path = path_of(node) or node.field
            now, first = _name(self.demand.phase), _name(field.phase)
            message = f"`{path}` is not available in phase {now} (first available: {first})"
            hint = "a rule with `phase: response` sees the answer" if field.phase is Phase.RESPONSE else None
            self.findings.error(PHASE, message, node, hint)

    def _read(self, node: Select, field: Field, variables: _Variables) -> None:
        path = _declared_path(node, variables)
        if path is None:
            return
        if node.test or field.type.kind is not Kind.RECORD:
            self.findings.reads.add(path)
        if self.demand.guarded and field.omittable:
            self.findings.warning(
                OMITTABLE,
                f"this rests on `{path}`, which a client can leave out",
                node,
                "what the operator declares of a client is in `client`",
            )

    def _guard(self, node: Node, guards: Paths) -> None:
        path = path_of(replace(node, test=False) if isinstance(node, Select) else node)
        if not self.demand.guarded or path is None or path in guards:
            return
        self.findings.error(
            UNGUARDED,
            f"`{path}` may be absent, and this rule would then err",
            node,
            f"write `has({path}) && ...`, or `!has({path}) || ...`",
        )


def _declared_path(node: Node, variables: _Variables) -> str | None:
    """`targets.gpt.quality`; `targets.*.quality` where the key is only known later; None for parts of lists."""
    match node:
        case Ident(name=name):
            return None if name in variables else name
        case Select(operand=operand, field=field):
            owner = _declared_path(operand, variables)
            return None if owner is None else f"{owner}.{field}"
        case Call(function="_[_]", args=(container, key)) if container.type.kind is Kind.MAP:
            owner = _declared_path(container, variables)
            name = key.value if isinstance(key, Literal) else "*"
            return None if owner is None else f"{owner}.{name}"
        case _:
            return None


def _name(phase: Phase) -> str:
    return phase.name.lower()


def _method_hint(field: str) -> str | None:
    return "write size(x)" if field in ("length", "size", "len", "count") else None
