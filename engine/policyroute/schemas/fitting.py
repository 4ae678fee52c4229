"""A schema rewritten node by node to what a subset has words for.

Rule of this module: a document that the schema took is taken by what comes out, unless the subset cannot say so;
and what is written already is written the same again.
"""

from __future__ import annotations

from typing import Any

from policyroute.schemas import leaves
from policyroute.schemas.limits import MAX_VALUES, TooLarge, Way
from policyroute.schemas.merging import key, merged, united
from policyroute.schemas.reading import constraints, kinds_of, literals, read, remarks
from policyroute.schemas.references import References
from policyroute.schemas.spelling import in_words, is_null, or_null
from policyroute.schemas.subset import Subset
from policyroute.schemas.vocabulary import ORDER, SCALARS, SPEAKS_OF, Schema, is_map, is_schema, ordered

_SILENT_BRANCH = frozenset(("required", "not", "if", "then", "else"))


class Fitting:
    """One schema on its way into one subset."""

    def __init__(self, root: Schema, subset: Subset) -> None:
        self.subset = subset
        self.notes: set[str] = set()
        self._root = root
        self._references = References(root)
        self._written = 0

    def whole(self) -> Schema:
        """The root with the definitions it needs."""
        root, way = self._flat(self._root, Way(), through=True)
        if self.subset.one_root:
            root = self._one_root(root, way) if "anyOf" in root else root
            if kinds_of(root) != ["object"]:
                self.notes.add("root")
        fitted = self._node(root, way)
        defined: Schema = {}
        while missing := [name for name in self._references.wanted() if name not in defined]:
            for name in missing:
                defined[name] = self.node(self._references.target(self._references.wanted()[name]), Way())
        return {**fitted, "$defs": {name: defined[name] for name in sorted(defined)}} if defined else fitted

    def node(self, raw: Any, way: Way) -> Schema:
        """One schema, fitted."""
        if raw is False or not is_schema(raw):
            self.notes.add("false" if raw is False else "schema")
        schema, way = self._flat(raw, way.down())
        return self._node(schema, way)

    def _node(self, schema: Schema, way: Way) -> Schema:
        self._written += len(schema) + 1
        if self._written > MAX_VALUES:
            raise TooLarge
        if "$ref" in schema:
            return self._reference(schema)
        if "anyOf" in schema:
            return self._union(schema, way)
        return self.leaf(schema, way)

    # -- what stands before the types

    def _flat(self, raw: Any, way: Way, *, through: bool = False) -> tuple[Schema, Way]:
        """A node read, without `allOf`, and without a `$ref` that has constraints beside it.

        Where that goes in circles the reference alone is left: less is demanded then.
        """
        schema = read(raw, self.notes) if is_map(raw) else {}
        parts: list[Any] = schema.pop("allOf", [])
        if len(parts) == 1 and is_map(parts[0]) and "$ref" in parts[0] and not constraints(schema):
            schema, parts = {**read(parts[0], self.notes), **schema}, []
            parts = schema.pop("allOf", [])
        reference = schema.pop("$ref", None)
        if reference is not None:
            if self._references.target(reference) is None:
                self.notes.add("$ref")
            elif through or parts or constraints(schema) or not self.subset.references:
                parts = [{"$ref": reference}, *parts]
            else:
                schema["$ref"] = reference
        for part in parts:
            other, way = self._part(part, way)
            if "$ref" in other:
                return {**remarks(schema), **other}, way
            schema = merged(schema, other, self.notes)
        return schema, way

    def _part(self, part: Any, way: Way) -> tuple[Schema, Way]:
        """One of several demands on a document."""
        if part is False or not is_schema(part):
            self.notes.add("allOf")
        reference = part.get("$ref") if is_map(part) else None
        if not is_map(part) or not isinstance(reference, str) or self._references.target(reference) is None:
            return self._flat(part, way.down(), through=True)
        if reference in way.through:
            self.notes.add("$ref")
            return self._circle(reference), way
        beside, way = self._flat({word: value for word, value in part.items() if word != "$ref"}, way.down())
        target, way = self._flat(self._references.target(reference), way.down(reference), through=True)
        if "$ref" in target or "$ref" in beside:
            return target if "$ref" in target else beside, way
        return merged(beside, target, self.notes), way

    def _circle(self, reference: str) -> Schema:
        if self.subset.references:
            return {"$ref": reference}
        target = self._references.target(reference)
        read_target = read(target, set()) if is_map(target) else {}
        return {word: value for word, value in read_target.items() if word in {"type", "title", "description"}}

    def _one_root(self, root: Schema, way: Way) -> Schema:
        before = set(self.notes)
        whole = self._one_object(root, way)
        if whole is root:
            self.notes = before
            return root
        return self._said(whole, "anyOf", root["anyOf"])

    def _one_object(self, root: Schema, way: Way) -> Schema:
        """Alternatives at the root, all of them objects, as one object."""
        if "anyOf" not in root:
            return root
        rest = {word: value for word, value in root.items() if word != "anyOf"}
        branches: list[Schema] = []
        for branch in root["anyOf"]:
            flat, _ = self._part({"allOf": [constraints(rest), branch]}, way)
            flat = self._one_object(flat, way.down())
            if kinds_of(flat) != ["object"] or "$ref" in flat:
                return root
            branches.append(flat)
        return {**rest, **united(branches)}

    # -- alternatives and references

    def _reference(self, schema: Schema) -> Schema:
        node: Schema = {"$ref": self._references.spelt(schema["$ref"])}
        told = self._told(schema)
        return ordered({**told, "anyOf": [node]}) if told else node

    def _union(self, schema: Schema, way: Way) -> Schema:
        branches: list[Any] = schema["anyOf"]
        rest = {word: value for word, value in schema.items() if word != "anyOf"}
        if demanded := constraints(rest):
            if all(_silent(branch) for branch in branches):
                return self._said(self.leaf(rest, way), "anyOf", branches)
            branches = [{"allOf": [demanded, branch]} for branch in branches]
        fitted = [self.node(branch, way) for branch in branches if branch is not False]
        return self.any_of(fitted, self._told(rest))

    def any_of(self, fitted: list[Schema], told: Schema) -> Schema:
        """Fitted alternatives as one node, with what is told of all of them."""
        nullable = self.subset.null == "nullable" and any(is_null(node) for node in fitted)
        if nullable and len(fitted) > 1:
            fitted = [node for node in fitted if not is_null(node)]
        fitted = list({key(node): node for node in fitted}.values())
        if not fitted:
            return ordered({**leaves.anything(self.subset), **told})
        if len(fitted) == 1 and "$ref" not in fitted[0]:
            node = merged(told, fitted[0], set())
        else:
            node = {**told, "anyOf": fitted}
        return ordered(or_null(node, self.subset) if nullable else node)

    # -- one type after the other

    def leaf(self, schema: Schema, way: Way) -> Schema:
        """A node that says what it takes itself."""
        kinds, values = kinds_of(schema), literals(schema)
        told = self._told(schema)
        if values is not None:
            node = leaves.listed(kinds, values, self.subset, const="const" in schema)
            if node is not None:
                return self._listed(node, told, None in values and "null" in kinds)
            word = "const" if "const" in schema else "enum"
            self.notes.add(word)
            schema = {name: value for name, value in schema.items() if name not in {"const", "enum"}}
            return self._said(self.leaf({**schema, "type": kinds}, way), word, values[0] if word == "const" else values)
        if not kinds:
            if self.subset.typed:
                self.notes.add("type")
            return self._constrained({**leaves.anything(self.subset), **told}, schema, list(SCALARS), way)
        others = [kind for kind in kinds if kind != "null"]
        if len(others) > 1 and (self.subset.null != "type" or {"object", "array"} & set(others)):
            branches = [{**leaves.only_of(schema, kind), "type": [kind]} for kind in kinds]
            return self.any_of([self.leaf(branch, way) for branch in branches], told)
        node = {**told, "type": leaves.types(others or ["null"], self.subset)}
        node = self._constrained(node, schema, others, way)
        return or_null(node, self.subset) if others and "null" in kinds else node

    def _listed(self, node: Schema, told: Schema, nullable: bool) -> Schema:
        whole = ordered({**told, **node})
        return or_null(whole, self.subset) if nullable else whole

    def _constrained(self, node: Schema, schema: Schema, kinds: list[str], way: Way) -> Schema:
        """The node with all that its schema demands of these types."""
        asked = {word for word in schema if _applies(word, kinds)}
        written, unsaid = leaves.written(self, schema, asked, kinds, way)
        node = {**node, **written}
        for word in ORDER:
            if word in unsaid:
                node = self._said(node, word, unsaid[word])
        return ordered(node)

    def _told(self, schema: Schema) -> Schema:
        """What is told of a node: title, description, and in the latter what there is no other place for."""
        told: Schema = {}
        for word in ("title", "description"):
            if word in schema:
                told[word] = schema[word]
        for word in ("default", "examples", "example"):
            if schema.get(word) is not None:
                told = self._said(told, word, schema[word])
        return told

    def _said(self, node: Schema, word: str, value: Any) -> Schema:
        """The node with a constraint in its description."""
        self.notes.add(word)
        told = in_words(node.get("description"), word, value)
        return node if told is None else ordered({**node, "description": told})


def _applies(word: str, kinds: list[str]) -> bool:
    kind = SPEAKS_OF.get(word)
    if kind is None:
        return word in {"format", "not", "if", "then", "else", "$dynamicRef", "$recursiveRef"}
    return kind in kinds or (kind == "number" and "integer" in kinds)


def _silent(branch: Any) -> bool:
    """Whether an alternative only chooses among what stands beside it."""
    return is_map(branch) and set(branch) <= _SILENT_BRANCH
