"""Whether an answer begins as a refusal does, asked while it comes in.

Rule of this module: what is told of a beginning stays true, whatever text follows it; where that cannot be, None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from policyroute.cel.patterns import Opening

LEAD: Final = 64
"""Characters of white space, quotes and marks before the first word; an answer with more of them is no refusal."""
PATTERN_SEES: Final = 256
"""Characters of an answer that a pattern is matched against."""

MARKS: Final = " \t\r\n\f\v\u00a0\ufeff\"'`\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb*_#>~-"
_STRAIGHT: Final = str.maketrans("\u2018\u2019", "''")


@dataclass(frozen=True, slots=True)
class Refusals:
    """`phrases` are folded; `patterns` give how many bytes of the text they match at its beginning."""

    phrases: tuple[str, ...]
    patterns: tuple[Opening, ...] = ()

    def tell(self, beginning: str, *, whole: bool) -> bool | None:
        """Whether a text that begins so begins with a refusal. None: it depends on what follows, and so never where
        this is the `whole` text."""
        text = beginning.lstrip(MARKS)
        if len(beginning) - len(text) > LEAD:
            return False
        said = folded(text)
        if said.startswith(self.phrases) or self._fits_pattern(text, whole):
            return True
        if whole:
            return False
        open_still = any(phrase.startswith(said) for phrase in self.phrases)
        return None if open_still or (self.patterns and len(text) <= PATTERN_SEES) else False

    def _fits_pattern(self, text: str, whole: bool) -> bool:
        """A match that ends with the text may be undone by the next character, as of `sorry$`: it counts at the end."""
        if not self.patterns:
            return False
        seen = text[:PATTERN_SEES].encode("utf-8", "replace")
        last = len(seen) if whole and len(text) <= PATTERN_SEES else len(seen) - 1
        return any((end := pattern(seen)) is not None and end <= last for pattern in self.patterns)


def folded(text: str) -> str:
    return text.casefold().translate(_STRAIGHT)
