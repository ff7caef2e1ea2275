"""Fixtures of the fault tests."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "lib"), str(TESTS / "e2e")]  # bulkwatch_lab; trouble
