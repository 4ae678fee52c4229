"""Where in a JSON Schema other schemas stand.

Rule of this module: facts of the draft of 2020-12, and the words of older ones that are read as its.
"""

from __future__ import annotations

from typing import Final

HOMES: Final = frozenset({"$defs", "definitions"})
"""Maps of schemas that count only where they are referred to."""
MAPS: Final = frozenset({"properties", "patternProperties", "dependentSchemas"})
LISTS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
ONES: Final = frozenset(
    """not if then else items contains additionalProperties propertyNames unevaluatedItems
    unevaluatedProperties""".split()
)
