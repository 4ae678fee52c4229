"""From the text of an expression to its tree.

Rule of this module: it is the one that knows cel-python, which gives the grammar and nothing else. What the parser
makes is turned into our nodes at once; nobody sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, cast

from celpy.celparser import CELParser
from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput, UnexpectedToken

from policyroute.cel.literals import literal
from policyroute.cel.macros import expand_call, expand_method
from policyroute.cel.scan import INSTEAD, strings
from policyroute.cel.syntax import Call, Comprehension, Ident, ListNode, Literal, MapNode, Node, Select, children
from policyroute.cel.trouble import SYNTAX, TOO_LARGE, UNSUPPORTED, Refused, Trouble, refused

MAX_DEPTH: Final = 64
MAX_NODES: Final = 2000
MAX_LOOPS: Final = 2

_RESERVED: Final = frozenset(
    "as break const continue else for function if import in let loop package namespace return var void while".split()
)
_BINARY: Final = {
    "relation_lt": "_<_",
    "relation_le": "_<=_",
    "relation_gt": "_>_",
    "relation_ge": "_>=_",
    "relation_eq": "_==_",
    "relation_ne": "_!=_",
    "relation_in": "@in",
    "addition_add": "_+_",
    "addition_sub": "_-_",
    "multiplication_mul": "_*_",
    "multiplication_div": "_/_",
    "multiplication_mod": "_%_",
}
_Tree = Tree[Token]


@lru_cache(maxsize=8192)
def parse(text: str) -> Node | Trouble:
    """The tree, or what is wrong with the text. Trees are immutable and kept by text."""
    try:
        known = strings(text)
        tree = _parsed(text)
        _check_strings(tree, known)
        node = _Lowering(text).lower(tree, 0)
        _check_size(node)
    except Refused as refusal:
        return refusal.trouble
    return node


class _Positioned(CELParser):
    """cel-python's parser, with `true` and `false` keeping their place in the text."""

    @staticmethod
    def ambiguous_literals(t: Token) -> Token:
        return Token.new_borrow_pos("BOOL_LIT", t.value, t) if t.value in ("true", "false") else t


def _own_grammar() -> Lark:
    """A parser of our own: cel-python keeps one in the class, which an application beside us may be using."""
    theirs = CELParser.CEL_PARSER
    CELParser.CEL_PARSER = None
    try:
        _Positioned()
        return cast(Lark, CELParser.CEL_PARSER)
    finally:
        CELParser.CEL_PARSER = theirs


# Made while the module is imported, which only one thread does; parsing keeps no state in it.
_GRAMMAR: Final = _own_grammar()


def _parsed(text: str) -> _Tree:
    try:
        read: Callable[[str], _Tree] = cast(Any, _GRAMMAR).parse
        return read(text)
    except UnexpectedInput as trouble:
        raise _unexpected(text, trouble) from None


def _unexpected(text: str, trouble: UnexpectedInput) -> Refused:
    token = cast(Token, cast(Any, trouble).token) if isinstance(trouble, UnexpectedToken) else None
    if token is not None and token.type == "$END":
        if not text.strip():
            return refused(SYNTAX, "there is no expression here", 0, len(text))
        end = len(text.rstrip())
        return refused(SYNTAX, "the expression ends too early: something is missing here", end, end)
    place = trouble.pos_in_stream or 0
    word = str(token) if token is not None else text[place : place + 1]
    return refused(SYNTAX, f"`{word}` cannot stand here", place, place + len(word), INSTEAD.get(word))


def _check_strings(tree: _Tree, known: frozenset[tuple[int, int]]) -> None:
    """The grammar's idea of where a string ends differs from CEL's after some backslashes: then refuse."""
    for token in _tokens(tree):
        if token.type.endswith(("STRING_LIT", "BYTES_LIT")) and (token.start_pos, token.end_pos) not in known:
            raise refused(
                SYNTAX,
                "where this string ends is not clear",
                token.start_pos or 0,
                token.end_pos or 0,
                "write a backslash before a quote as `\\\\`, or use the other kind of quotes",
            )


def _tokens(tree: _Tree) -> Iterator[Token]:
    """Not by Lark's own way, which goes as deep as a chain of operators is long."""
    waiting: list[_Tree | Token] = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Tree):
            waiting.extend(part.children)
        else:
            yield part


def _check_size(root: Node) -> None:
    waiting = [(root, 1, 0)]
    nodes = 0
    while waiting:
        node, depth, loops = waiting.pop()
        nodes += 1
        inside = loops + isinstance(node, Comprehension)
        if nodes > MAX_NODES or depth > MAX_DEPTH or inside > MAX_LOOPS:
            limits = f"{MAX_NODES} parts, {MAX_DEPTH} deep, macros {MAX_LOOPS} deep"
            raise refused(TOO_LARGE, f"the expression is too large: at most {limits}", node.start, node.end)
        # The list that a macro goes over is evaluated once, outside of its loop.
        waiting.extend((child, depth + 1, loops if n == 0 else inside) for n, child in enumerate(children(node)))


class _Lowering:
    """The parser's tree, level by level, into ours."""

    def __init__(self, text: str) -> None:
        self.text = text

    def lower(self, tree: _Tree, depth: int) -> Node:
        if depth > MAX_DEPTH:
            start, end = _span(tree)
            raise refused(TOO_LARGE, f"the expression is nested deeper than {MAX_DEPTH}", start, end)
        while tree.data not in _HANDLERS and len(tree.children) == 1:
            tree = _tree(tree.children[0])
        handler = _HANDLERS.get(str(tree.data)) or _OPERATORS[str(tree.data)]
        return handler(self, tree, depth + 1)

    def each(self, tree: _Tree | None, depth: int) -> tuple[Node, ...]:
        return tuple(self.lower(child, depth) for child in _trees(tree)) if tree is not None else ()

    def conditional(self, tree: _Tree, depth: int) -> Node:
        return self.call("_?_:_", tree, self.each(tree, depth))

    def chain(self, tree: _Tree, depth: int) -> Node:
        """`a && b && c` is one call."""
        name = "_||_" if tree.data == "conditionalor" else "_&&_"
        terms: list[_Tree] = []
        rest = tree
        while rest.data == tree.data and len(rest.children) > 1:
            left, right = _trees(rest)
            terms.append(right)
            rest = left
        terms.append(rest)
        args: list[Node] = []
        for term in reversed(terms):
            node = self.lower(term, depth)
            args.extend(node.args if isinstance(node, Call) and node.function == name else (node,))
        return self.call(name, tree, tuple(args))

    def binary(self, tree: _Tree, depth: int) -> Node:
        head, right = _trees(tree)
        (left,) = _trees(head)
        _, end = _span(head)
        if head.data == "relation_in" and self.text[end : end + 1].isidentifier():
            raise refused(SYNTAX, "`in` needs a space after it", end - 2, end)
        return self.call(_BINARY[str(head.data)], tree, (self.lower(left, depth), self.lower(right, depth)))

    def unary(self, tree: _Tree, depth: int) -> Node:
        operator, operand = _trees(tree)
        name = "!_" if operator.data == "unary_not" else "-_"
        return self.call(name, tree, (self.lower(operand, depth),))

    def select(self, tree: _Tree, depth: int) -> Node:
        operand, field = tree.children
        start, end = _span(tree)
        return Select(self.lower(_tree(operand), depth), str(field), start=start, end=end)

    def method(self, tree: _Tree, depth: int) -> Node:
        operand, name, *rest = tree.children
        args = self.each(_tree(rest[0]) if rest else None, depth)
        start, end = _span(tree)
        call = Call(str(name), args, self.lower(_tree(operand), depth), start=start, end=end)
        return expand_method(call)

    def index(self, tree: _Tree, depth: int) -> Node:
        return self.call("_[_]", tree, self.each(tree, depth))

    def function(self, tree: _Tree, depth: int) -> Node:
        name, *rest = tree.children
        return expand_call(self.call(str(name), tree, self.each(_tree(rest[0]) if rest else None, depth)))

    def name(self, tree: _Tree, depth: int) -> Node:
        start, end = _span(tree)
        name = str(tree.children[0])
        if name in _RESERVED:
            raise refused(SYNTAX, f"`{name}` is a reserved word", start, end)
        return Ident(name, start=start, end=end)

    def parenthesised(self, tree: _Tree, depth: int) -> Node:
        return self.lower(_trees(tree)[0], depth)

    def list_literal(self, tree: _Tree, depth: int) -> Node:
        start, end = _span(tree)
        return ListNode(self.each(next(iter(_trees(tree)), None), depth), start=start, end=end)

    def map_literal(self, tree: _Tree, depth: int) -> Node:
        start, end = _span(tree)
        parts = self.each(next(iter(_trees(tree)), None), depth)
        return MapNode(tuple(zip(parts[::2], parts[1::2], strict=True)), start=start, end=end)

    def literal(self, tree: _Tree, depth: int) -> Node:
        (token,) = tree.children
        start, end = _span(tree)
        assert isinstance(token, Token)
        return Literal(literal(token.type, str(token), start), start=start, end=end)

    def unsupported(self, tree: _Tree, depth: int) -> Node:
        message = tree.data == "member_object"
        what = "making messages (`Type{...}`) is" if message else "names that begin with a dot are"
        raise refused(UNSUPPORTED, f"{what} not supported", *_span(tree))

    def call(self, function: str, tree: _Tree, args: tuple[Node, ...]) -> Call:
        start, end = _span(tree)
        return Call(function, args, start=start, end=end)


def _span(tree: _Tree) -> tuple[int, int]:
    return tree.meta.start_pos, tree.meta.end_pos


def _tree(child: _Tree | Token) -> _Tree:
    assert isinstance(child, Tree)
    return child


def _trees(tree: _Tree) -> list[_Tree]:
    return [child for child in tree.children if isinstance(child, Tree)]


_HANDLERS: Final[dict[str, Callable[[_Lowering, _Tree, int], Node]]] = {
    "member_dot": _Lowering.select,
    "member_dot_arg": _Lowering.method,
    "member_index": _Lowering.index,
    "member_object": _Lowering.unsupported,
    "dot_ident": _Lowering.unsupported,
    "dot_ident_arg": _Lowering.unsupported,
    "ident_arg": _Lowering.function,
    "ident": _Lowering.name,
    "paren_expr": _Lowering.parenthesised,
    "list_lit": _Lowering.list_literal,
    "map_lit": _Lowering.map_literal,
    "literal": _Lowering.literal,
}
_OPERATORS: Final[dict[str, Callable[[_Lowering, _Tree, int], Node]]] = {
    "expr": _Lowering.conditional,
    "conditionalor": _Lowering.chain,
    "conditionaland": _Lowering.chain,
    "relation": _Lowering.binary,
    "addition": _Lowering.binary,
    "multiplication": _Lowering.binary,
    "unary": _Lowering.unary,
}
"""Rules that the grammar also goes through where no operator is written; then they have a single child."""
