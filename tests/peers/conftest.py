from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e import harness


@pytest.fixture
def place() -> Iterator[harness.Place]:
    with harness.place() as made:
        yield made


@pytest.fixture
def plain_place() -> Iterator[harness.Place]:
    with harness.place() as made:
        yield made
