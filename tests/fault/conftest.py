"""Fixtures of the fault tests."""

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "lib"), str(TESTS / "e2e")]  # bulkwatch_lab; trouble

from alerting import new_alerting  # noqa: E402,F401
from frail_fixtures import (frail_library, frail_lone, lone, new_frail, new_lone,  # noqa: E402,F401
                            sanitized)
from clocks import Clocks  # noqa: E402


@pytest.fixture
def clocks(tmp_path, sanitized):  # noqa: F811
    """The clocks of daemons: see Clocks.use_in."""
    if sanitized:
        pytest.skip("a clock and a sanitizer cannot both be loaded first")
    return Clocks(tmp_path)
