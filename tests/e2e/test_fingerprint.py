"""A real kernel says what it has loaded; real installations change it.

Each case is one after which a fresh kernel would be another one. Packages are wheels
written by hand: nothing is fetched.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ipr.kernel import fingerprint, loaded
from ipr.kernel.fingerprint import Fingerprint
from tests.e2e.environment import Environment
from tests.e2e.harness import Client, Place

#: A build backend that makes editable wheels of "tiny", and needs nothing.
BACKEND = """
import os, zipfile
def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "tiny-9.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        info = "tiny-9.0.dist-info/"
        wheel.writestr("__editable__.tiny-9.0.pth", os.getcwd())
        metadata = "Metadata-Version: 2.1\\nName: tiny\\nVersion: 9.0\\n"
        wheel.writestr(info + "METADATA", metadata)
        tags = "Generator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\n" + tags)
        wheel.writestr(info + "RECORD", "")
    return name
"""


@pytest.fixture
def environment(place: Place) -> Environment:
    return Environment(place)


def asked(client: Client) -> loaded.Loaded:
    """Ask a kernel as ipr would."""
    draft = loaded.question()
    msg_id = client.send(draft.msg_type, dict(draft.content))
    return loaded.parse(client.finish(msg_id))


def taken(client: Client) -> Fingerprint:
    """Return the fingerprint of a kernel that was started a minute from now."""
    found = fingerprint.of(asked(client), time.time() + 60)
    assert fingerprint.changed(found) == ""
    return found


def edit_pth(environment: Environment) -> None:
    path = environment.site / "tests.pth"
    path.write_text(path.read_text() + "\n" + str(environment.wheels))


def edit_startup(environment: Environment) -> None:
    environment.startup.write_text("from contextlib import suppress, closing\n")


def add_startup(environment: Environment) -> None:
    (environment.profile / "startup" / "10-more.py").write_text("more = 1")


def add_config(environment: Environment) -> None:
    path = environment.profile / "ipython_kernel_config.py"
    path.write_text("c.IPKernelApp.matplotlib = 'inline'")


def add_tool(environment: Environment) -> None:
    (environment.tools / "other.py").write_text("")


def install(environment: Environment) -> None:
    environment.install(environment.wheel("1.0"))


def install_editable(environment: Environment) -> None:
    source = Path(environment.place.root) / "source"
    (source / "tiny").mkdir(parents=True)
    (source / "tiny" / "__init__.py").write_text("version = '9.0'\n")
    (source / "backend.py").write_text(BACKEND)
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\n'
        'backend-path = ["."]\n'
    )
    environment.install("-e", str(source))
    assert (environment.site / "__editable__.tiny-9.0.pth").exists()


@pytest.mark.parametrize(
    "change",
    [
        install,
        install_editable,
        edit_pth,
        edit_startup,
        add_startup,
        add_config,
        add_tool,
    ],
    ids=lambda change: change.__name__,
)
def test_change_is_seen(
    environment: Environment, change: Callable[[Environment], None]
) -> None:
    _, client = environment.start()
    before = taken(client)
    change(environment)
    assert "has changed" in fingerprint.changed(before)


def test_upgrade_and_removal_are_seen(environment: Environment) -> None:
    environment.install(environment.wheel("1.0"))
    _, client = environment.start()
    before = taken(client)
    environment.install("--upgrade", environment.wheel("1.1"))
    assert "site-packages has changed" in fingerprint.changed(before)
    again = taken(client)
    environment.pip("uninstall", "--yes", "tiny")
    assert "site-packages has changed" in fingerprint.changed(again)


def test_imported_package_put_in_place_again_is_seen(environment: Environment) -> None:
    """The same version, so the same names; size and times are as they were."""
    environment.install(environment.wheel("1.0"))
    environment.startup.write_text("import tiny\n")
    _, client = environment.start()
    module = environment.site / "tiny" / "__init__.py"
    times = [
        (path, os.stat(path).st_mtime_ns)
        for path in (module, module.parent, environment.site)
    ]
    before = taken(client)
    text = module.read_text()
    environment.install("--force-reinstall", environment.wheel("1.0"))
    assert module.read_text() == text
    for path, modified in times:
        os.utime(path, ns=(modified, modified))
    assert fingerprint.changed(before) == f"{module} has changed"


def test_installation_during_the_start_is_a_doubt(environment: Environment) -> None:
    began = time.time()
    _, client = environment.start()
    environment.install(environment.wheel("1.0"))
    late = fingerprint.of(asked(client), began)
    assert "has changed during its start" in fingerprint.changed(late)


def test_a_start_in_peace_is_no_doubt(environment: Environment) -> None:
    """What the kernel itself writes at its start is none, in its home neither."""
    first, client = environment.start()
    client.run("import this")
    first.shutdown()
    time.sleep(0.05)
    began = time.time()
    _, client = environment.start()
    found = fingerprint.of(asked(client), began)
    assert fingerprint.changed(found) == ""


def test_saving_and_bytecode_are_no_change(environment: Environment) -> None:
    """What goes on in the working folder, and what imports leave."""
    _, client = environment.start()
    before = taken(client)
    client.run("import os, tool; os.makedirs('results'); open('helper.py', 'w')")
    client.run("import helper")
    for number in range(2):
        path = os.path.join(environment.place.work, f"~{number}")
        Path(path).write_text("{}")
        os.replace(path, os.path.join(environment.place.work, "Untitled.ipynb"))
    assert (environment.tools / "__pycache__").is_dir()
    assert fingerprint.changed(before) == ""


def test_question_leaves_nothing_in_the_kernel(environment: Environment) -> None:
    _, client = environment.start()
    looks = "sorted(globals()), get_ipython().execution_count, sorted(sys.modules)"
    client.run("import sys")
    client.value(looks)
    before = client.value(looks)
    asked(client)
    assert client.value(looks) == before
    history = client.value("list(get_ipython().history_manager.get_range())")
    assert history == "[(0, 1, 'import sys')]"


def test_kernel_whose_names_are_overwritten_is_asked_all_the_same(
    environment: Environment,
) -> None:
    environment.startup.write_text("import sys as exec; json = os = site = sys = 7\n")
    _, client = environment.start()
    found = asked(client)
    assert str(environment.site) in found.folders
    assert str(environment.startup.parent) in found.whole
