"""Which messages are kept as the output of a cell, and for how long."""

from __future__ import annotations

import json
from typing import Any

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from ipr.relay.outputs import (
    BESIDES_CELL,
    BESIDES_MESSAGE,
    MOST_COPIED,
    TOO_LARGE,
    CellOutput,
    NothingShown,
    Outputs,
)
from ipr.relay.ran import Outcome, Ran

CODE = b'{"code": "x"}'


def ran(outcome: Outcome = Outcome.RUNNING, content: bytes = CODE) -> Ran:
    return Ran(content, 1, 0.0, outcome=outcome)


def say(
    outputs: Outputs, msg_id: Any, kind: str = "stream", content: Any = b"{}"
) -> None:
    header = json.dumps({"msg_id": "k", "msg_type": kind}).encode()
    outputs.published(header, json.dumps({"msg_id": msg_id}).encode(), content)


def kept(cell: CellOutput) -> list[tuple[str, bytes]]:
    return [(kind, bytes(content)) for _, kind, content in cell.messages]


def test_output_goes_to_the_cell_that_it_names() -> None:
    outputs = Outputs(1 << 20)
    for msg_id in ("m1", "m2"):
        outputs.begin(msg_id, ran())
    say(outputs, "m2", content=b"2")
    say(outputs, "m1", "display_data", b"1")
    say(outputs, "m3", content=b"3")
    assert [kept(cell) for cell in outputs.last(9)] == [
        [("display_data", b"1")],
        [("stream", b"2")],
    ]
    numbers = [cell.messages[0][0] for cell in outputs.last(9)]
    assert numbers == [2, 1]


@pytest.mark.parametrize(
    "kind", ["status", "execute_input", "comm_msg", "input_request", "debug_event"]
)
def test_what_is_no_output_is_not_kept(kind: str) -> None:
    outputs = Outputs(1 << 20)
    outputs.begin("m", ran())
    say(outputs, "m", kind)
    assert kept(outputs.last(1)[0]) == []


def test_an_id_that_is_escaped_or_no_text_is_found_and_a_broken_one_ignored() -> None:
    outputs = Outputs(1 << 20)
    outputs.begin('a"b', ran())
    say(outputs, 'a"b', content=b"1")
    outputs.begin("\x007", ran())
    say(outputs, 7, content=b"2")
    outputs.published(b'"msg_type": "stream"', b"\\", b"3")
    assert [kept(cell) for cell in outputs.last(2)] == [
        [("stream", b"1")],
        [("stream", b"2")],
    ]


def test_two_cells_of_one_id_have_their_own() -> None:
    """Clients that count 1, 2, 3 use the same ids."""
    outputs = Outputs(1 << 20)
    for content in (b"1", b"2"):
        outputs.begin("m", ran())
        say(outputs, "m", content=content)
    assert [kept(cell)[0][1] for cell in outputs.last(2)] == [b"1", b"2"]


def test_output_of_a_cell_is_not_taken_for_that_of_another_client_with_its_id() -> None:
    """The second one was sent while the first one ran."""
    outputs = Outputs(1 << 20)
    for session in ("a", "b"):
        outputs.begin("1", ran(), session)
    header = b'{"msg_type": "stream"}'
    for session in ("a", "b", "a"):
        parent = json.dumps({"msg_id": "1", "session": session}).encode()
        outputs.published(header, parent, session.encode())
    assert [[content for _, content in kept(cell)] for cell in outputs.last(2)] == [
        [b"a", b"a"],
        [b"b"],
    ]
    # Whose session is neither's belongs to the last one, as ever.
    say(outputs, "1", content=b"c")
    assert kept(outputs.last(1)[0])[-1] == ("stream", b"c")


def test_of_two_cells_with_one_id_the_older_is_forgotten_and_the_other_found() -> None:
    outputs = Outputs(2 * (BESIDES_CELL + len(CODE)) + BESIDES_MESSAGE)
    for session in ("a", "b", "c"):
        outputs.begin("1", ran(), session)
    parent = json.dumps({"msg_id": "1", "session": "b"}).encode()
    outputs.published(b'"msg_type": "stream"', parent, b"")
    assert [(cell.session, len(cell.messages)) for cell in outputs.all()] == [
        ("b", 1),
        ("c", 0),
    ]


def test_only_cells_that_have_begun_are_the_last_ones() -> None:
    outputs = Outputs(1 << 20)
    for outcome in (Outcome.OK, Outcome.ERROR, Outcome.NOT_RUN, Outcome.WAITING):
        outputs.begin(outcome.value, ran(outcome))
    found = [cell.msg_id for cell in outputs.last(9)]
    assert found == ["ok", "error"]
    say(outputs, "waiting")
    say(outputs, "not run", "error")
    assert [cell.msg_id for cell in outputs.last(2)] == ["error", "waiting"]


def test_nothing_to_show_is_said_in_a_sentence() -> None:
    outputs = Outputs(1 << 20)
    outputs.begin("m", ran(Outcome.WAITING))
    with pytest.raises(NothingShown, match="no cell has run yet"):
        outputs.last(1)
    with pytest.raises(NothingShown, match="started with --output-limit 0"):
        Outputs(0).last(1)


def test_no_output_is_kept_where_none_may_be() -> None:
    outputs = Outputs(0)
    outputs.begin("m", ran())
    say(outputs, "m")
    assert (outputs.size, outputs.all()) == (0, [])


def test_the_oldest_output_goes_first_and_is_counted() -> None:
    room = 2 * (BESIDES_CELL + len(CODE)) + 3 * (BESIDES_MESSAGE + 100)
    outputs = Outputs(room)
    outputs.begin("m1", ran())
    for _ in range(2):
        say(outputs, "m1", content=b"1" * 100)
    outputs.begin("m2", ran())
    for _ in range(2):
        say(outputs, "m2", content=b"2" * 100)
    first, second = outputs.last(2)
    assert (len(first.messages), first.cut) == (1, 100)
    assert (len(second.messages), second.cut) == (2, 0)
    say(outputs, "m2", content=b"2" * 100)
    assert (len(first.messages), first.cut) == (0, 200)
    say(outputs, "m2", content=b"2" * 100)
    assert outputs.all() == [second]
    say(outputs, "m1", content=b"late")
    assert len(second.messages) == 4


def test_one_that_is_larger_than_all_room_leaves_its_size_and_the_others() -> None:
    outputs = Outputs(4096)
    outputs.begin("m", ran())
    say(outputs, "m", content=b"before")
    say(outputs, "m", "display_data", b"x" * 4097)
    assert kept(outputs.last(1)[0]) == [
        ("stream", b"before"),
        (TOO_LARGE, b'{"size": 4097}'),
    ]


def test_small_frames_are_copied_and_large_ones_are_not() -> None:
    """A small one holds all of the buffer that libzmq has read it into."""
    outputs = Outputs(1 << 20)
    outputs.begin("m", ran())
    for size in (MOST_COPIED, MOST_COPIED + 1):
        say(outputs, "m", content=zmq.Frame(b"x" * size))
    (*_, small), (*_, large) = outputs.last(1)[0].messages
    assert isinstance(small, bytes)
    assert isinstance(large, zmq.Frame)


@given(
    st.integers(1, 5000),
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 3000)), max_size=60
    ),
)
def test_it_never_takes_more_than_allowed(
    limit: int, steps: list[tuple[bool, int, int]]
) -> None:
    outputs = Outputs(limit)
    for begins, cell, size in steps:
        if begins:
            outputs.begin(str(cell), ran(content=b"x" * size))
        else:
            say(outputs, str(cell), content=b"x" * size)
        cells = outputs.all()
        taken = sum(len(cell.ran.content) + BESIDES_CELL for cell in cells) + sum(
            len(content) + BESIDES_MESSAGE
            for cell in cells
            for _, _, content in cell.messages
        )
        assert taken == outputs.size <= limit


def test_the_next_message_of_a_cell_that_is_forgotten_is_not_kept() -> None:
    """Though nothing of another cell came between."""
    outputs = Outputs(BESIDES_CELL + len(CODE) + BESIDES_MESSAGE)
    outputs.begin("m1", ran())
    say(outputs, "m1", content=b"")
    outputs.begin("m2", ran())
    say(outputs, "m1", content=b"")
    assert [kept(cell) for cell in outputs.all()] == [[]]
    outputs.begin("m1", ran())
    say(outputs, "m1", content=b"")
    assert [len(kept(cell)) for cell in outputs.all()] == [1]
