"""From a tree to a typed tree, and everything that is wrong with it at once.

Rule of this module: what it passes can fail at run time only by the request's doing. Names, fields, types, phases,
guards and literals are settled here; a part that is wrong goes on as dyn, so that one mistake is reported once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from policyroute.cel.check_calls import assignable, converted, resolve
from policyroute.cel.check_fields import Fields
from policyroute.cel.conversions import TYPE_NAMES
from policyroute.cel.expression import Demand, Environment
from policyroute.cel.findings import Findings, did_you_mean, listed
from policyroute.cel.folding import constant, fold_list, type_of
from policyroute.cel.functions import FUNCTIONS, NAMESPACES, UNSUPPORTED
from policyroute.cel.guards import NONE, Paths, beside, present_if_false, present_if_true, without
from policyroute.cel.operations import NUMERIC
from policyroute.cel.signatures import Form
from policyroute.cel.syntax import Call, Comprehension, Ident, ListNode, Literal, MapNode, Node, Select
from policyroute.cel.trouble import TYPE, UNKNOWN_FUNCTION, UNKNOWN_NAME, Trouble
from policyroute.cel.trouble import UNSUPPORTED as NOT_SUPPORTED
from policyroute.cel.types import BOOL, DYN, Kind, Type, common, list_of, map_of
from policyroute.cel.values import TypeValue


@dataclass(frozen=True, slots=True)
class Checked:
    """`tree` is None where there is an error; `reads` are the dotted fields that the expression may touch."""

    tree: Node | None
    type: Type
    reads: frozenset[str]
    troubles: tuple[Trouble, ...]


@dataclass(frozen=True, slots=True)
class Context:
    """Where a part stands: the macro variables in sight, and the paths known to be there.

    `tested`: the part is what `has()` asks about a field of; an absent record is an answer there, not an error.
    """

    variables: Mapping[str, Type] = field(default_factory=dict[str, Type])
    guards: Paths = NONE
    tested: bool = False


def check(tree: Node, environment: Environment, demand: Demand) -> Checked:
    findings = Findings()
    typed = _Checker(environment, demand, findings).result(tree)
    troubles = tuple(sorted(findings.troubles, key=lambda trouble: (trouble.start, trouble.end)))
    return Checked(None if findings.failed else typed, typed.type, frozenset(findings.reads), troubles)


class _Checker:
    def __init__(self, environment: Environment, demand: Demand, findings: Findings) -> None:
        self.environment = environment
        self.demand = demand
        self.findings = findings
        self.fields = Fields(environment, demand, findings)

    def result(self, tree: Node) -> Node:
        node = converted(self.value(tree, Context()), self.demand.type, self.findings)
        wanted, given = self.demand.type.kind, node.type.kind
        if assignable(node.type, self.demand.type) and (given is not Kind.DYN or wanted in (Kind.DYN, Kind.BOOL)):
            return node
        if wanted is Kind.DOUBLE and given in NUMERIC:
            return node
        hint = f"convert it: {wanted.value}(...)" if wanted.value in FUNCTIONS else None
        if wanted is Kind.BOOL:
            hint = "a condition compares something: x == y"
        self.findings.error(TYPE, f"this has to be {self.demand.type}, and is {node.type}", node, hint)
        return node

    def value(self, node: Node, context: Context) -> Node:
        """The typed part, where a value is wanted: records are not values."""
        typed = self.part(node, _untested(context))
        if typed.type.kind is Kind.RECORD:
            names = listed(typed.type.fields)
            self.findings.error(TYPE, f"`{typed.type}` is no value: name one of its fields", typed, names or None)
            return replace(typed, type=DYN)
        self.fields.note_root(typed, context.variables)
        return typed

    def part(self, node: Node, context: Context) -> Node:
        return _MEANINGS[type(node)](self, node, context)

    def literal(self, node: Literal, context: Context) -> Node:
        return replace(node, type=type_of(node.value))

    def ident(self, node: Ident, context: Context) -> Node:
        name = node.name
        known = context.variables.get(name) or self.environment.roots.get(name)
        if known is not None:
            return replace(node, type=known)
        if name == "constants":
            return constant(self.environment.constants, node)
        if name in TYPE_NAMES:
            return constant(TypeValue(name), node)
        roots = [*self.environment.roots, *context.variables, "constants"]
        hint = self.fields.owner_of(name) or did_you_mean(name, roots)
        self.findings.error(UNKNOWN_NAME, f"unknown name `{name}`", node, hint)
        return replace(node, type=DYN)

    def select(self, node: Select, context: Context) -> Node:
        inner = _untested(context)
        if isinstance(node.operand, Select) and (node.test or context.tested):
            inner = Context(context.variables, context.guards, tested=True)
        operand = self.part(node.operand, inner)
        return self.fields.select(replace(node, operand=operand), context.variables, context.guards, context.tested)

    def list_literal(self, node: ListNode, context: Context) -> Node:
        items = tuple(self.value(item, context) for item in node.items)
        return fold_list(replace(node, items=items, type=list_of(common(item.type for item in items))))

    def map_literal(self, node: MapNode, context: Context) -> Node:
        entries = tuple((self.value(key, context), self.value(item, context)) for key, item in node.entries)
        keys = [key for key, _ in entries]
        for key in keys:
            if key.type.kind not in (Kind.BOOL, Kind.INT, Kind.UINT, Kind.STRING, Kind.DYN):
                self.findings.error(TYPE, f"{key.type} cannot be a key of a map", key)
        flags = {key.value for key in keys if isinstance(key, Literal) and isinstance(key.value, bool)}
        if any(isinstance(key, Literal) and not isinstance(key.value, bool) and key.value in flags for key in keys):
            self.findings.error(NOT_SUPPORTED, "`true` beside `1` in the keys of one map is not supported", node)
        typed = map_of(common(key.type for key in keys), common(item.type for _, item in entries))
        return replace(node, entries=entries, type=typed)

    def comprehension(self, node: Comprehension, context: Context) -> Node:
        over = self.value(node.range, context)
        element = {Kind.LIST: over.type.item, Kind.MAP: over.type.key, Kind.DYN: DYN}.get(over.type.kind)
        if element is None:
            message = f"{node.kind}() goes over lists and the keys of maps, not over {over.type}"
            self.findings.error(TYPE, message, over)
        inner = Context({**context.variables, node.variable: element or DYN}, without(context.guards, node.variable))
        condition = self.condition(node.condition, inner) if node.condition is not None else None
        if node.kind == "map" and condition is not None and node.condition is not None:
            inner = Context(inner.variables, inner.guards | present_if_true(node.condition))
        body = self.value(node.body, inner) if node.kind == "map" else self.condition(node.body, inner)
        typed = list_of(body.type) if node.kind == "map" else list_of(element or DYN)
        return replace(
            node,
            range=over,
            condition=condition,
            body=body,
            type=typed if node.kind in ("map", "filter") else BOOL,
        )

    def condition(self, node: Node, context: Context) -> Node:
        typed = self.value(node, context)
        if typed.type.kind not in (Kind.BOOL, Kind.DYN):
            self.findings.error(TYPE, f"a condition has to be bool, and this is {typed.type}", typed)
        return typed

    def call(self, node: Call, context: Context) -> Node:
        named = self.named(node, context)
        if named is None:
            return self.unknown(node, context)
        if named.function == "_[_]":
            container, key = named.args
            parts = (self.part(container, _untested(context)), self.value(key, context))
            return self.fields.element(replace(named, args=parts), context.variables, context.guards)
        target = self.value(named.target, context) if named.target is not None else None
        args = tuple(self.value(arg, self.beside(named, n, context)) for n, arg in enumerate(named.args))
        return resolve(replace(named, args=args, target=target), self.findings)

    def unknown(self, node: Call, context: Context) -> Node:
        """What a call of no known function is given may be wrong as well; its receiver may be part of the name."""
        owner = node.target.name if isinstance(node.target, Ident) else ""
        if owner in UNSUPPORTED or node.function in UNSUPPORTED:
            return replace(node, type=DYN)
        for part in (node.target, *node.args):
            if part is not None and not isinstance(part, Ident):
                self.value(part, context)
        return replace(node, type=DYN)

    def beside(self, call: Call, index: int, context: Context) -> Context:
        """What this argument may take to be there, by what its neighbours say."""
        if call.function == "_&&_":
            extra = beside(call.args, index, present_if_true)
        elif call.function == "_||_":
            extra = beside(call.args, index, present_if_false)
        elif call.function == "_?_:_" and index > 0:
            extra = (present_if_true if index == 1 else present_if_false)(call.args[0])
        else:
            extra = NONE
        if extra <= context.guards:
            return context
        return Context(context.variables, context.guards | extra)

    def named(self, node: Call, context: Context) -> Call | None:
        """The call by the name of the table, or None where there is no such function."""
        if isinstance(node.target, Ident) and self.is_free(node.target.name, context):
            owner = node.target.name
            if owner in NAMESPACES:
                node = replace(node, function=f"{owner}.{node.function}", target=None)
            elif owner in UNSUPPORTED:
                self.refuse(node, owner)
                return None
        function = FUNCTIONS.get(node.function)
        if function is None:
            self.refuse(node, node.function)
            return None
        if node.target is None and function.form is Form.METHOD:
            self.findings.error(UNKNOWN_FUNCTION, f"{node.function} is a method", node, f"write x.{node.function}(...)")
            return None
        if node.target is not None and function.form is Form.FUNCTION:
            self.findings.error(UNKNOWN_FUNCTION, f"{node.function} is no method", node, f"write {node.function}(x)")
            return None
        return node

    def is_free(self, name: str, context: Context) -> bool:
        return name not in context.variables and name not in self.environment.roots

    def refuse(self, node: Call, name: str) -> None:
        if name in UNSUPPORTED:
            self.findings.error(NOT_SUPPORTED, f"`{name}` is not supported: {UNSUPPORTED[name]}", node)
            return
        known = [known for known, function in FUNCTIONS.items() if function.form is not Form.OPERATOR]
        self.findings.error(UNKNOWN_FUNCTION, f"unknown function `{name}`", node, did_you_mean(name, known))


def _untested(context: Context) -> Context:
    return Context(context.variables, context.guards) if context.tested else context


_MEANINGS: Final[dict[type[Node], Callable[[_Checker, Any, Context], Node]]] = {
    Literal: _Checker.literal,
    Ident: _Checker.ident,
    Select: _Checker.select,
    Call: _Checker.call,
    ListNode: _Checker.list_literal,
    MapNode: _Checker.map_literal,
    Comprehension: _Checker.comprehension,
}
