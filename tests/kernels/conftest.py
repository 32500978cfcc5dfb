from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.e2e import harness
from tests.kernels.rows import Rows
from tests.kernels.subjects import BY_NAME, SUBJECTS


@pytest.fixture(scope="session")
def rows(request: pytest.FixtureRequest) -> Iterator[Rows]:
    """All rows that this run asks for: they run while the first tests wait."""
    wanted: set[str] = set()
    for item in request.session.items:
        if isinstance(item, pytest.Function) and "rows" in item.fixturenames:
            # A test that names no kernel is about all of them.
            call = getattr(item, "callspec", None)
            params = {} if call is None else call.params
            wanted |= {params["name"]} if "name" in params else set(BY_NAME)
    made = Rows(s for s in SUBJECTS if s.name in wanted and not s.missing())
    yield made
    made.close()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A kernel that is there; one that is not is skipped, and in CI a failure."""
    found: str = request.param
    missing = BY_NAME[found].missing()
    if missing:
        if os.environ.get("IPR_REQUIRE_MARKED") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


@pytest.fixture
def place() -> Iterator[harness.Place]:
    with harness.place() as made:
        yield made
