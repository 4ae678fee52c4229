"""Types of calls: which overload is meant, what comes of it, and what the literals in it turn into.

Rule of this module: it sees calls whose parts have their types already. A part of type dyn fits everywhere; a record is
no value and fits nowhere.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from policyroute.cel.check_numbers import alike, alike_in
from policyroute.cel.findings import Findings, did_you_mean, listed
from policyroute.cel.folding import fold_call
from policyroute.cel.functions import FUNCTIONS
from policyroute.cel.operations import NUMERIC
from policyroute.cel.signatures import Form, Function, Overload
from policyroute.cel.syntax import Call, ListNode, Literal, Node, children
from policyroute.cel.trouble import BAD_LITERAL, BAD_PATTERN, TYPE, UNKNOWN_NAME
from policyroute.cel.types import BOOL, CLEARANCE, DYN, STRING, Kind, Type, common, list_of
from policyroute.cel.values import Duration, Timestamp
from policyroute.clearance import Clearance

_EQUALITY: Final = frozenset({"_==_", "_!=_"})
_ORDER: Final = frozenset({"_<_", "_<=_", "_>_", "_>=_"})
_PATTERNS: Final = frozenset({"matches", "glob"})
_SYMBOLS: Final = {"@in": "in", "_[_]": "[]", "_?_:_": "?:"}


def resolve(call: Call, findings: Findings) -> Node:
    """The typed call, or its value where all of it is constant."""
    if any(part.type.kind is Kind.RECORD for part in children(call)):
        return replace(call, type=BOOL if call.function in _EQUALITY | _ORDER else DYN)
    if call.function in _EQUALITY | _ORDER:
        call = _compared(call, findings)
    elif call.function in ("@in", "_[_]"):
        call = _keyed(_listed(call, findings) if call.function == "@in" else call, findings)
    function = FUNCTIONS[call.function]
    parts = children(call)
    fitting = [overload for overload in function.overloads if _fits(overload, parts)]
    if not fitting:
        _misfit(call, function, findings)
        return replace(call, type=_only_result(function))
    typed = replace(call, type=_result(fitting, parts))
    return typed if not _literals(typed, function, findings) else fold_call(typed, function)


def _fits(overload: Overload, parts: tuple[Node, ...]) -> bool:
    types = tuple(part.type for part in parts)
    if not overload.takes(len(types)) or not all(assignable(t, overload.param(n)) for n, t in enumerate(types)):
        return False
    return overload.derive is None or overload.derive(types) is not None


def assignable(given: Type, wanted: Type) -> bool:
    if Kind.DYN in (given.kind, wanted.kind):
        return True
    if given.kind is not wanted.kind:
        return False
    if wanted.kind in (Kind.LIST, Kind.MAP):
        return assignable(given.item or DYN, wanted.item or DYN)
    return True


def _result(fitting: list[Overload], parts: tuple[Node, ...]) -> Type:
    types = tuple(part.type for part in parts)
    return common((overload.derive and overload.derive(types)) or overload.result for overload in fitting)


def _only_result(function: Function) -> Type:
    results = {overload.result for overload in function.overloads}
    return results.pop() if len(results) == 1 else DYN


def _literals(call: Call, function: Function, findings: Findings) -> bool:
    """Check the arguments that have to be literals. Whether they are, and are good."""
    good = True
    for index, maker in function.literal.items():
        part = children(call)[index] if index < len(children(call)) else None
        if part is None:
            continue
        code = BAD_PATTERN if call.function in _PATTERNS else BAD_LITERAL
        if not isinstance(part, Literal) or not isinstance(part.value, str):
            findings.error(code, f"{call.function}() takes a literal here: it is read when the policy is loaded", part)
            good = False
            continue
        good = _made(maker, part, code, findings) and good
    if call.function in ("duration", "timestamp"):
        good = _moment(call, findings) and good
    return good


def _made(maker: Any, part: Literal, code: str, findings: Findings) -> bool:
    try:
        maker(part.value)
    except ValueError as trouble:
        findings.error(code, str(trouble), part)
        return False
    return True


def _moment(call: Call, findings: Findings) -> bool:
    part = call.args[0]
    if isinstance(part, Literal) and isinstance(part.value, str):
        return _made(_MAKERS[call.function], part, BAD_LITERAL, findings)
    return True


_MAKERS: Final = {"duration": Duration.parse, "timestamp": Timestamp.parse}


def _compared(call: Call, findings: Findings) -> Call:
    left, right = call.args
    left, right = converted(left, right.type, findings), converted(right, left.type, findings)
    left, right = alike(left, right), alike(right, left)
    if call.function in _EQUALITY:
        if not comparable(left.type, right.type):
            _never_equal(call, left, right, findings)
        _check_choice(left.type, right, findings)
        _check_choice(right.type, left, findings)
    return Call(call.function, (left, right), start=call.start, end=call.end)


def comparable(left: Type, right: Type) -> bool:
    """Whether values of these types can be equal."""
    if Kind.DYN in (left.kind, right.kind):
        return True
    return left.kind is right.kind or (left.kind in NUMERIC and right.kind in NUMERIC)


def _never_equal(call: Call, left: Node, right: Node, findings: Findings) -> None:
    hint = None
    if Kind.NULL in (left.type.kind, right.type.kind):
        hint = "whether an optional field is there is asked with `has(x.field)`"
    elif Kind.STRING in (left.type.kind, right.type.kind):
        hint = 'a string is written in quotes: "5"; or convert: int(x), string(x)'
    findings.error(TYPE, f"{_article(left.type)} is never equal to {_article(right.type)}", call, hint)


def _listed(call: Call, findings: Findings) -> Call:
    """`x in [...]`: every literal of the list is one that x can be; `"x" in list`: it is one that the list can hold."""
    item, container = call.args
    if container.type.kind is Kind.STRING:
        findings.error(TYPE, "a string has no elements", call, "write text.contains(part)")
        return replace(call, args=(item, replace(container, type=DYN)))
    if container.type.kind is not Kind.LIST:
        return call
    container = converted(container, item.type, findings)
    of = container.type.item or DYN
    item = converted(item, of, findings)
    if not comparable(item.type, of):
        findings.error(TYPE, f"{_article(item.type)} is in no {container.type}", call)
    elif item.type.choices:
        for element in _elements(container):
            _check_choice(item.type, element, findings)
    else:
        _check_choice(of, item, findings)
    return replace(call, args=alike_in(item, container))


def _elements(container: Node) -> tuple[Node, ...]:
    if isinstance(container, ListNode):
        return container.items
    if isinstance(container, Literal):
        return tuple(Literal(value, start=container.start, end=container.end) for value in _values(container))
    return ()


def _check_choice(type_: Type, other: Node, findings: Findings) -> None:
    if not type_.choices or not isinstance(other, Literal) or not isinstance(other.value, str):
        return
    if other.value not in type_.choices:
        hint = did_you_mean(other.value, type_.choices)
        findings.error(BAD_LITERAL, f"this is never `{other.value}`: it is one of {listed(type_.choices)}", other, hint)


def _keyed(call: Call, findings: Findings) -> Call:
    """A key for a map: known to a closed map, in lower case where the map's are."""
    container, key = (call.args[1], call.args[0]) if call.function == "@in" else call.args
    of = container.type
    if of.kind is not Kind.MAP:
        return call
    if of.key is not None and not comparable(key.type, of.key):
        findings.error(TYPE, f"the keys of this map are {of.key}, this is {_article(key.type)}", key)
    if of.closed and of.key and isinstance(key, Literal) and key.value not in of.key.choices:
        hint = did_you_mean(str(key.value), of.key.choices)
        findings.error(UNKNOWN_NAME, f"there is no `{key.value}` here: {listed(of.key.choices)}", key, hint)
    if of.folded_keys:
        key = _lowered(key)
    return replace(call, args=(key, container) if call.function == "@in" else (container, key))


def _lowered(key: Node) -> Node:
    if isinstance(key, Literal):
        return replace(key, value=key.value.lower()) if isinstance(key.value, str) else key
    if key.type.kind is not Kind.STRING:
        return key
    return Call("lowerAscii", (), key, start=key.start, end=key.end, type=STRING)


def converted(node: Node, beside: Type, findings: Findings) -> Node:
    """String literals beside a clearance are clearances; an unknown name is an error."""
    wanted = beside.item if beside.kind is Kind.LIST and beside.item else beside
    if wanted.kind is not Kind.CLEARANCE or node.type.kind is Kind.CLEARANCE:
        return node
    if isinstance(node, ListNode):
        return replace(
            node, items=tuple(converted(item, CLEARANCE, findings) for item in node.items), type=list_of(CLEARANCE)
        )
    if not isinstance(node, Literal):
        return node
    if isinstance(node.value, str):
        return replace(node, value=_clearance(node.value, node, findings), type=CLEARANCE)
    if _values(node) and all(isinstance(value, str) for value in _values(node)):
        names = tuple(_clearance(value, node, findings) for value in _values(node))
        return replace(node, value=names, type=list_of(CLEARANCE))
    return node


def _values(node: Literal) -> tuple[Any, ...]:
    """The elements of a list, or nothing."""
    value: Any = node.value
    return value if value.__class__ is tuple else ()


def _clearance(name: str, node: Node, findings: Findings) -> Clearance:
    try:
        return Clearance.named(name)
    except KeyError:
        known = [clearance.label for clearance in Clearance]
        findings.error(BAD_LITERAL, f"`{name}` is no clearance: {' < '.join(known)}", node, did_you_mean(name, known))
        return Clearance.SECRET


def _misfit(call: Call, function: Function, findings: Findings) -> None:
    parts = children(call)
    counts = {len(overload.params) for overload in function.overloads}
    if not any(overload.takes(len(parts)) for overload in function.overloads):
        offset = 1 if call.target is not None else 0
        wanted = " or ".join(str(count - offset) for count in sorted(counts))
        plural = "" if wanted == "1" else "s"
        message = f"{function.name}() takes {wanted} argument{plural}, not {len(call.args)}"
        findings.error(TYPE, message, call, function.doc)
        return
    given = [part.type for part in parts]
    if function.form is Form.OPERATOR:
        symbol = _SYMBOLS.get(function.name, function.name.strip("_"))
        message = f"`{symbol}` is not for {' and '.join(_article(type_) for type_ in given)}"
        findings.error(TYPE, message, call, _operator_hint(given))
        return
    wants = " or ".join(dict.fromkeys(_params(overload) for overload in function.overloads))
    findings.error(TYPE, f"{function.name}() is not for ({', '.join(map(str, given))})", call, f"it takes {wants}")


def _params(overload: Overload) -> str:
    return f"({', '.join(map(str, overload.params))})"


def _operator_hint(given: list[Type]) -> str | None:
    kinds = {type_.kind for type_ in given}
    if len(kinds) > 1 and kinds <= NUMERIC:
        return "convert one of them: double(x), int(x)"
    if Kind.DURATION in kinds and kinds & NUMERIC:
        return 'a duration is written duration("1500ms")'
    if Kind.NULL in kinds:
        return "whether an optional field is there is asked with `has(x.field)`"
    return None


def _article(type_: Type) -> str:
    name = str(type_)
    return f"{'an' if name[0] in 'aeio' else 'a'} {name}"
