"""A minute of chaos, and every seed that once found something."""

from __future__ import annotations

import time

import pytest

from tests.chaos import life

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

#: Seeds of lives that failed, each with what it found.
FOUND = {
    1: "a stopped guardian was not woken before its kernel was to be killed",
    6: "the folder of a daemon that was killed with its guardian; the next one's task",
    10: "a cell that was interrupted before it ran: its reply is ipr's, and late",
}
#: The same, where a quick test shows it as well.
FOUND_AND_SHOWN = {
    1130059: "a folder stayed whose kernel ended while no descriptor was free",
}
#: The same, of the driver's own: what it took for a fault and was none.
FALSE_ALARMS = {
    20261145: "a kernel was killed between making and removing tempfile's trial file",
    1129003: "jedi parsed Python's builtins for the first time in that home",
    20261190: "a guardian was killed 3 ms before its daemon: nobody could tidy up",
}

SECONDS = 50.0
#: The first seed of the minute.
FIRST = 1000


def test_chaos_for_a_minute() -> None:
    end = time.monotonic() + SECONDS
    seed = FIRST
    while time.monotonic() < end:
        print(life.live(seed))
        seed += 1
    # A life takes some seconds, on a busy machine more.
    assert seed > FIRST + 1


@pytest.mark.nightly
def test_chaos_where_kernels_run_code() -> None:
    """Init code, replays: kernels and daemons are killed in the middle of them."""
    end = time.monotonic() + SECONDS
    seed = FIRST
    while time.monotonic() < end:
        print(life.live(seed, code=True))
        seed += 1
    assert seed > FIRST + 1


@pytest.mark.parametrize(
    "seed",
    [
        *FOUND,
        *(
            pytest.param(seed, marks=pytest.mark.nightly)
            for seed in (*FOUND_AND_SHOWN, *FALSE_ALARMS)
        ),
    ],
)
def test_seed_that_once_failed(seed: int) -> None:
    life.live(seed)
