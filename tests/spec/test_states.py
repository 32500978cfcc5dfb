"""The states of kernelspecs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.spec import shapes
from tests.spec.home import (
    Home,
    make_environment,
)


@pytest.mark.parametrize("what", ["python", "ipr"])
@pytest.mark.slow
def test_missing_python_or_ipr_is_listed_with_the_mend(
    home: Home, tmp_path: Path, what: str
) -> None:
    other = make_environment(tmp_path / "other", with_ipr=False)
    path = home.add("ir", shapes.IRKERNEL)
    assert home.run("install", "ir").code == 0
    python = f"{other}/bin/python" if what == "ipr" else "/gone/python"
    path.write_text(path.read_text().replace(home.python, python))
    lacks = "no longer has ipr" if what == "ipr" else "is gone"
    detail = f"{python} {lacks}, it cannot start; 'ipr-spec install ir' mends it"
    assert home.listed()["ir"]["detail"] == detail
    assert f"  ✘ 'ir'   {detail}\n" in home.run("list").out
    assert home.run("install", "ir").out == "brought 'ir' up to date\n"
    assert home.listed()["ir"]["detail"] == ""
    assert "  ✓ 'ir'\n" in home.run("list").out
