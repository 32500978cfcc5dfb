"""Whether a kernel aborts the cells after one that failed."""

from __future__ import annotations

from typing import Any

import pytest

from ipr.jupyter.wire import split
from ipr.relay.aborting import aborts
from tests.requests import body, header, request

FAILED = {"status": "error"}


@pytest.mark.parametrize(
    ("asked", "replied", "expected"),
    [
        ({}, FAILED, True),
        ({"stop_on_error": False}, FAILED, False),
        ({"silent": True}, FAILED, False),
        ({}, {"status": "ok", "user_expressions": {"x": "error"}}, False),
        ({"channel": "control"}, FAILED, False),
    ],
)
def test_cells_after_a_failed_one_are_aborted_unless_it_says_otherwise(
    asked: dict[str, Any], replied: dict[str, Any], expected: bool
) -> None:
    reply = split(body(header("r", "execute_reply"), replied))
    assert aborts(request("m", code="x", **asked), reply) is expected


def test_a_reply_that_is_no_json_aborts_nothing() -> None:
    reply = split(body(header("r", "execute_reply"), FAILED))
    reply.body[5] = b'{"error"'
    assert not aborts(request("m", code="x"), reply)
