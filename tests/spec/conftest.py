"""An environment that has ipr-spec, made once, and a home of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.spec import site
from tests.spec.home import Home, make_environment


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_environment(tmp_path_factory.mktemp("spec") / "environment")


@pytest.fixture
def home(tmp_path: Path, environment: Path) -> Home:
    return Home(tmp_path, environment)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody can get at, with a site's kernelspec in it."""
    with site.made() as folder:
        yield folder
