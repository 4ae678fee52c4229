"""docs/redaction.md names every kind and every group that a rule can ask for."""

from __future__ import annotations

import re
from pathlib import Path

from policyroute.redact.kinds import GROUPS, KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "redaction.md").read_text(encoding="utf-8")


def test_every_kind_and_group_is_on_the_page() -> None:
    assert (set(KINDS) | set(GROUPS)) - set(re.findall(r"`([a-z_0-9]+)`", PAGE)) == set()
