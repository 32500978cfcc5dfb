"""A wrapped kernelspec is recognised; what prevents a wrapping."""

from __future__ import annotations

import pytest

from ipr.spec.wrapping import obstacle_to, starts_ipr, wrapping_of
from tests.spec import shapes
from tests.spec.roundtrip import PLACE


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["/p", "-P", "-m", "ipr", *PLACE], ("around", "/p", ())),
        (["/p", "-m", "ipr", *PLACE, "--no-exec"], ("around", "/p", ("--no-exec",))),
        (["/p", "-X", "dev", "-m", "ipr", *PLACE], ("around", "/p", ())),
        (["/p", "-c", shapes.WITHOUT_P, *PLACE], ("around", "/p", ())),
        (["/p", "-m", "inplace_restarter", "-f", "x"], ("earlier", "/p", ())),
        (
            ["srun", "-n1", "/p", "-P", "-m", "ipr", *PLACE, "--", "k"],
            ("inside", "/p", ()),
        ),
        (["/p", "-m", "ipython", "-m", "ipr"], None),
        (["srun", "/p", "-m", "ipr"], None),
        (["bash", "-c", "ipr"], None),
        (["/p", "-c"], None),
    ],
)
def test_wrapping_is_recognised(
    argv: list[str], expected: tuple[object, ...] | None
) -> None:
    found = wrapping_of({"argv": argv, "restarter_original_argv": ["k"]})
    if found is None:
        assert expected is None
    else:
        assert (found.kind, found.python, found.options) == expected


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"restarter_original_argv": ["y"]}, "restarter_original_argv"),
        ({"restarter_interpreter": "/p"}, "restarter_interpreter"),
        ({"metadata": {"ipr": {}}}, "metadata.ipr"),
        (
            {"metadata": {"kernel_provisioner": {"provisioner_name": "cloud"}}},
            "'cloud'",
        ),
        ({"argv": ["x"]}, "{connection_file}"),
    ],
)
def test_obstacles_are_named(extra: dict[str, object], words: str) -> None:
    spec: dict[str, object] = {"argv": ["x", "{connection_file}"], **extra}
    assert words in str(obstacle_to(spec))


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"metadata": {}},
        {"metadata": {"kernel_provisioner": {}}},
        {"metadata": {"kernel_provisioner": {"provisioner_name": "local-provisioner"}}},
    ],
)
def test_no_obstacle_is_named(extra: dict[str, object]) -> None:
    assert obstacle_to({"argv": ["--f={connection_file}"], **extra}) is None


def test_a_kernelspec_without_argv_is_not_wrapped() -> None:
    assert wrapping_of({"argv": 3}) is None


@pytest.mark.parametrize(
    ("argv", "starts"),
    [
        (["/p", "-m", "ipr", "-f", "c"], True),
        (["rik", "--kernel_cmd", "cd /x && /p -P -m ipr -f c -- k"], True),
        (["rik", "--kernel_cmd", "/p -m ipykernel, not ipr"], False),
        (["/p", "-m", "ipykernel"], False),
    ],
)
def test_a_command_that_starts_the_daemon_is_seen(
    argv: list[str], starts: bool
) -> None:
    assert starts_ipr(argv) is starts


def test_files_are_no_options_however_they_are_written() -> None:
    argv = ["/p", "-m", "ipr", "--connection-file=c", "--spec-dir=d", "--no-exec"]
    found = wrapping_of({"argv": argv})
    assert found is not None
    assert found.options == ("--no-exec",)
