"""docs/policies.md: its fragments compile, and its tables say what the code says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from policyroute.author.load import build
from policyroute.failures import FailureKind
from policyroute.policy.cases import Expect
from policyroute.policy.document import Document, ProviderSpec, TargetSpec
from policyroute.policy.effects import EFFECTS, FallbackSpec, HoldSpec, LimitsSpec, ResumeSpec
from policyroute.policy.fields import BODY_FIELDS
from policyroute.policy.files import shipped_packs

PAGE = (Path(__file__).parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")
FRAGMENTS = [
    text for text in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) if "version:" not in text
]
SLOW = 'rules:\n  - id: slow\n    when: targets["gpt"].latency.ttft_p95 > duration("1500ms")\n    route: [eu, gpt]\n'


@pytest.mark.parametrize("text", FRAGMENTS, ids=lambda text: text.split(":", 1)[0])
def test_a_fragment_compiles(text: str, based: Callable[[str], Mapping[str, str]]) -> None:
    if text.split(":", 1)[0] in EFFECTS:
        text = "rules:\n  - id: a\n" + re.sub(r"^", "    ", text, flags=re.MULTILINE)
    elif text.startswith("tests:"):
        text = SLOW + text
    build(based(text))


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("## Sections", Document.model_fields.keys() - {"version"}),
        ("### Providers", ProviderSpec.model_fields.keys() - {"insecure"}),
        ("### Targets", TargetSpec.model_fields.keys()),
        ("## Rules", EFFECTS.keys()),
        ("### transform", set(BODY_FIELDS)),
        ("### fallback", FallbackSpec.model_fields.keys() | set(FailureKind)),
        ("### hold", {each.alias or name for name, each in HoldSpec.model_fields.items()}),
        ("### resume", ResumeSpec.model_fields.keys()),
        ("### limits", LimitsSpec.model_fields.keys()),
        ("## Tests", Expect.model_fields.keys()),
        ("## Packs", set(shipped_packs())),
    ],
)
def test_everything_is_named_where_it_belongs(heading: str, names: set[str]) -> None:
    start = PAGE.index(heading + "\n")
    section = PAGE[
        start : PAGE.find("\n#", start + len(heading)) if PAGE.find("\n#", start + len(heading)) > 0 else None
    ]
    named = set(re.findall(r"`([a-z_]+)`", section))
    assert names <= named
