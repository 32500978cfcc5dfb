from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import provisioning
from tests.e2e import harness


@pytest.fixture
def place() -> Iterator[harness.Place]:
    with harness.place() as made:
        yield made


@pytest.fixture(scope="module")
def shared_place() -> Iterator[harness.Place]:
    with harness.place() as made:
        yield made


@pytest.fixture
def in_place() -> Iterator[None]:
    """Managers of this process restart in place, as a server with the extension."""
    with provisioning.by_default():
        yield


@pytest.fixture
def kernel(place: harness.Place) -> harness.Kernel:
    """A wrapped ipykernel, unless the file has one of its own."""
    return place.start("wrapped")


@pytest.fixture
def client(kernel: harness.Kernel) -> Iterator[harness.Client]:
    """A client of the ``kernel``; all that it asked is answered, once."""
    client = kernel.client()
    yield client
    if kernel.process.poll() is None:
        client.fence()
        client.assert_once()
