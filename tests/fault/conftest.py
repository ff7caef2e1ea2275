"""Fixtures of the fault tests."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "lib"), str(TESTS / "e2e")]  # bulkwatch_lab; trouble

from frail_fixtures import (frail_library, frail_lone, lone, new_frail, new_lone,  # noqa: E402,F401
                            sanitized)
