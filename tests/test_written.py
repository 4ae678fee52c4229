"""The last test of a run: no key and no prompt is in anything that the product wrote in it."""

from __future__ import annotations

import pytest
from tests.support.written import WRITTEN


def whole(config: pytest.Config) -> bool:
    """Whether nothing was chosen: all tests have run."""
    chosen = config.option.keyword or config.option.markexpr or getattr(config.option, "lf", False)
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not chosen


def test_nothing_that_was_written_holds_a_key_or_a_prompt(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> None:
    WRITTEN.files(tmp_path_factory.getbasetemp())
    if not WRITTEN.sizes.total():
        pytest.skip("a part of the tests was run, in which nothing was written")
    assert WRITTEN.leaks == [], f"looked at {WRITTEN.told()}"
    if whole(pytestconfig):
        assert WRITTEN.missing() == set(), f"looked at {WRITTEN.told()}"
