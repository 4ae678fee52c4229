"""`policyroute init`: a directory to start from. It writes new files and never touches one that is there."""

from __future__ import annotations

import argparse
from importlib.resources import files
from pathlib import Path

import orjson

from policyroute.policy.schema import json_schema
from policyroute_asgi.cli import FINDINGS, GOOD, render

EXAMPLE = """  policyroute init policies/
  OPENAI_API_KEY=... MISTRAL_API_KEY=... policyroute serve policies/"""

_POLICY, _SCHEMA = "main.yaml", "policyroute.schema.json"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="where to write; made if it is not there")


def run(arguments: argparse.Namespace) -> int:
    directory: Path = arguments.directory
    contents = {
        _POLICY: files("policyroute_asgi.cli").joinpath("starter", _POLICY).read_bytes(),
        _SCHEMA: orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2) + b"\n",
    }
    try:
        refusal = _write(directory, contents)
    except OSError as error:
        refusal = f"`{error.filename}` cannot be written: {error.strerror}"
    if refusal:
        render.complain(refusal)
        return FINDINGS
    out = render.console()
    for name in contents:
        out.print(f"wrote {directory / name}")
    out.print(
        f"\nNext:\n  policyroute test {directory}\n  policyroute serve {directory}    # with the keys it names set"
        f"\n  policyroute client add NAME --dir {directory}    # before others than this machine call"
    )
    return GOOD


def _write(directory: Path, contents: dict[str, bytes]) -> str | None:
    """Why nothing was written, or None."""
    if any(directory.glob("*.yaml")):
        return f"`{directory}` has policies already: nothing was written"
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        try:
            with (directory / name).open("xb") as new:
                new.write(content)
        except FileExistsError:
            return f"`{directory / name}` is there already and was not touched"
    return None
