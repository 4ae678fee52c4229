"""About how many tokens a text is, where nobody has counted them.

Rule of this module: one estimate for all, of prompts and of answers. Within about a third for English prose; high for
tool schemas, low for scripts with several bytes a character.
"""

from __future__ import annotations

from typing import Final

BYTES_A_TOKEN: Final = 4
"""Of UTF-8."""


def estimated(size: int) -> int:
    """Of so many bytes."""
    return (size + BYTES_A_TOKEN - 1) // BYTES_A_TOKEN
