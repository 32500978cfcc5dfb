"""A minute of chaos, and every seed that once found something."""

from __future__ import annotations

import time

import pytest

from tests.chaos import life

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

#: Seeds of lives that failed, each with what it found.
FOUND: dict[int, str] = {}

SECONDS = 50.0


def test_chaos_for_a_minute() -> None:
    end = time.monotonic() + SECONDS
    seed = 1
    while time.monotonic() < end:
        print(life.live(seed))
        seed += 1
    # A life takes some seconds, on a busy machine more.
    assert seed > 2


@pytest.mark.parametrize("seed", FOUND)
def test_seed_that_once_failed(seed: int) -> None:
    life.live(seed)
