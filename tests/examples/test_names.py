"""An app may have modules called `middleware` and `engine`, as thousands have: the folders here claim neither name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

APP = """
import engine, middleware, policies, policyroute, policyroute_asgi
print(engine.OWN, middleware.OWN, policies.OWN)
"""


def test_an_apps_own_middleware_module_is_its_own(tmp_path: Path) -> None:
    for name in ("engine", "middleware", "policies"):
        (tmp_path / f"{name}.py").write_text(f"OWN = {name!r}\n")
    (tmp_path / "app.py").write_text(APP)
    said = subprocess.check_output([sys.executable, "app.py"], cwd=tmp_path, text=True, timeout=60)
    assert said.split() == ["engine", "middleware", "policies"]
