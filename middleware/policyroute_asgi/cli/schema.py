"""`policyroute schema`: the JSON Schema of policy files, for editors."""

from __future__ import annotations

import argparse

from policyroute.policy.schema import json_schema
from policyroute_asgi.cli import GOOD, render

EXAMPLE = """  policyroute schema > policyroute.schema.json
  # first line of a policy file, for editors that speak to yaml-language-server:
  # yaml-language-server: $schema=policyroute.schema.json"""


def configure(parser: argparse.ArgumentParser) -> None:
    del parser


def run(arguments: argparse.Namespace) -> int:
    del arguments
    render.as_json(json_schema())
    return GOOD
