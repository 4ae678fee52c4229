"""The docs are run: policies in them load, Python in them runs, links in them lead somewhere.

A fenced block's info string says what it is: `yaml` beginning with `version: 1` is a policy set that must load and pass
its own tests; other `yaml` must at least parse; `python` is executed beside a `policies/` directory; `python no-run`
is only compiled; `python from=FILE` are lines of that file, in its order; `json file=NAME` is a file beside the
policies of its page; `sh`, `text` and other `json` are not run.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from tests.support.written import WRITTEN

from policyroute.author.load import build

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)(#[^)]*)?\)")

POLICY = """
version: 1
providers: {demo: {dialect: openai_chat, base_url: "embedded:", region: us}}
targets: {mini: {provider: demo, model: ok}, gpt: {provider: demo, model: ok}}
default: {route: [requested, mini, gpt]}
"""


@dataclass(frozen=True)
class Block:
    page: str
    line: int
    info: str
    text: str


def blocks(kind: str) -> Iterator[Block]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in _FENCE.finditer(text):
            if match["info"].split(" ")[0] == kind:
                yield Block(page.name, text[: match.start()].count("\n") + 1, match["info"], match["text"])


def name(block: Block) -> str:
    return f"{block.page}:{block.line}"


FILES = [(each.page, each.info.partition("file=")[2], each.text) for each in blocks("json") if "file=" in each.info]


@pytest.mark.parametrize("block", list(blocks("yaml")), ids=name)
def test_a_policy_in_the_docs_loads(block: Block) -> None:
    if block.text.lstrip().startswith("version: 1"):
        build({"snippet.yaml": block.text, **{file: text for page, file, text in FILES if page == block.page}})
    else:
        yaml.safe_load(block.text)


EXCERPTS = [block for block in blocks("python") if "from=" in block.info]


@pytest.mark.parametrize("block", EXCERPTS, ids=name)
def test_an_excerpt_in_the_docs_is_what_its_file_says(block: Block) -> None:
    file = ROOT / block.info.partition("from=")[2]
    rest = iter([line.partition("  #")[0].strip() for line in file.read_text(encoding="utf-8").splitlines()])
    quoted = [line.partition("  #")[0].strip() for line in block.text.splitlines() if line.strip()]
    assert quoted
    assert [line for line in quoted if line not in rest] == []  # `in` reads on from where it has come to


@pytest.mark.parametrize("block", [block for block in blocks("python") if block not in EXCERPTS], ids=name)
def test_python_in_the_docs_runs(block: Block, tmp_path: Path) -> None:
    compile(block.text, name(block), "exec")
    if "no-run" in block.info:
        return
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "main.yaml").write_text(POLICY)
    done = subprocess.run(
        [sys.executable, "-c", block.text], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    WRITTEN.process("snippet", done)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [match[1] for match in _LINK.finditer(page.read_text(encoding="utf-8"))]
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []
