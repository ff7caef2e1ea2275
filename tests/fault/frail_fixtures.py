"""Fixtures of the tests of disk, database, death and power."""

import os

import pytest

import frail
from bulkwatch_lab import BULKWATCHD
from lone import Lone

# `make soak` sets it: what takes minutes runs too.
LONG = os.environ.get("BULKWATCH_LONG") == "1"

takes_long = pytest.mark.skipif(not LONG, reason="takes minutes: BULKWATCH_LONG=1, or make soak")


@pytest.fixture(scope="session")
def frail_library(tmp_path_factory):
    return frail.build(tmp_path_factory.mktemp("frail"))


@pytest.fixture
def new_lone():
    """Makes a Lone of settings, not started yet; at the end each is stopped and ends well."""
    made = []

    def make(**settings):
        made.append(Lone(**settings))
        return made[-1]

    yield make
    faults = []
    for lone in made:
        try:
            lone.remove()
        except AssertionError as fault:
            faults.append(str(fault))
    assert not faults, "\n".join(faults)


@pytest.fixture
def lone(new_lone):
    """A daemon with the default rules, whose MTA we are."""
    return new_lone().start()


@pytest.fixture
def new_frail(new_lone, frail_library):
    """Makes a Lone whose disk is frail (lone.disk), not started yet."""
    def make(**settings):
        lone = new_lone(**settings)
        lone.disk = frail.Frail(frail_library, lone.dir)
        lone.environment = lone.disk.environment()
        return lone
    return make


@pytest.fixture
def frail_lone(new_frail):
    return new_frail().start()


@pytest.fixture(scope="session")
def sanitized():
    """True if the programs under test were built with a sanitizer."""
    return b"__asan_init" in BULKWATCHD.read_bytes() or b"__tsan_init" in BULKWATCHD.read_bytes()
