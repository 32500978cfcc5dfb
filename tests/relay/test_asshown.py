"""What a front end shows after some messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ipr.relay.asshown import WIDGET, Display, Missing, Output, Text, Traceback, shown
from ipr.relay.outputs import Outputs
from ipr.relay.ran import Ran

STREAM, SHOW, UPDATE, CLEAR = (
    "stream",
    "display_data",
    "update_display_data",
    "clear_output",
)


def after(*messages: tuple[Any, ...], limit: int = 1 << 20) -> list[list[Output]]:
    """Return the outputs of cells 1, 2, ... after messages: cell, type, content."""
    outputs = Outputs(limit)
    for cell in range(1, max(cell for cell, *_ in messages) + 1):
        outputs.begin(str(cell), Ran(b"", 1, 0.0))
    for cell, kind, content in messages:
        frame = json.dumps(content).encode()
        header = f'"msg_type": "{kind}"'.encode()
        outputs.published(header, f'{{"msg_id": "{cell}"}}'.encode(), frame)
    return shown(outputs.all())


def stream(text: str, name: str = "stdout") -> dict[str, str]:
    return {"name": name, "text": text}


def data(text: str, display_id: str = "", **more: str) -> dict[str, Any]:
    transient = {"display_id": display_id} if display_id else {}
    found: Mapping[str, str] = {"text/plain": text, **more}
    return {"data": found, "metadata": {"of": text}, "transient": transient}


def brief(outputs: list[Output]) -> list[str]:
    """Return the text of each output."""
    return [
        output.data["text/plain"]
        if isinstance(output, Display)
        else getattr(output, "text", repr(output))
        for output in outputs
    ]


def test_text_of_one_stream_is_joined_while_nothing_comes_between() -> None:
    (found,) = after(
        (1, STREAM, stream("a")),
        (1, STREAM, stream("b")),
        (1, STREAM, stream("c", "stderr")),
        (1, STREAM, stream("d")),
        (1, SHOW, data("e")),
        (1, STREAM, stream("f")),
    )
    assert brief(found) == ["ab", "c", "d", "e", "f"]
    assert [x.name for x in found if isinstance(x, Text)] == [
        "stdout",
        "stderr",
        "stdout",
        "stdout",
    ]


def test_a_display_and_a_result_keep_what_their_messages_had() -> None:
    """What is of no use without the widget's kernel goes."""
    more = {"image/png": "QUJD", WIDGET: "x"}
    for kind in (SHOW, "execute_result"):
        ((display,),) = after((1, kind, data("a", "id", **more)))
        assert display == Display(
            {"text/plain": "a", "image/png": "QUJD"},
            {"of": "a"},
            {"display_id": "id"},
        )


def test_an_error_is_its_traceback_or_its_name() -> None:
    (found,) = after(
        (1, "error", {"ename": "E", "evalue": "v", "traceback": ["\x1b[31mE", "v"]}),
        (1, "error", {"ename": "E", "evalue": "v", "traceback": []}),
        (1, "error", {"ename": "E", "evalue": "v"}),
    )
    texts = ["\x1b[31mE\nv", "E: v", "E: v"]
    assert found == [Traceback(text) for text in texts]


def test_clear_output_takes_away_what_the_cell_has_shown() -> None:
    first, second = after(
        (1, STREAM, stream("a")),
        (2, STREAM, stream("b")),
        (1, CLEAR, {"wait": False}),
        (1, STREAM, stream("c")),
        (2, CLEAR, {}),
    )
    assert (brief(first), brief(second)) == (["c"], [])


def test_clear_output_that_waits_does_so_for_the_next_output() -> None:
    (found,) = after((1, STREAM, stream("a")), (1, CLEAR, {"wait": True}))
    assert brief(found) == ["a"]
    (found,) = after(
        (1, SHOW, data("a", "id")),
        (1, CLEAR, {"wait": True}),
        (1, UPDATE, data("b", "id")),
    )
    assert brief(found) == ["b"]
    (found,) = after(
        (1, STREAM, stream("a")),
        (1, CLEAR, {"wait": True}),
        (1, STREAM, stream("b")),
        (1, STREAM, stream("c")),
    )
    assert brief(found) == ["bc"]


def test_an_update_changes_each_display_of_its_id_in_all_cells() -> None:
    first, second, third = after(
        (1, SHOW, data("a", "id")),
        (1, SHOW, data("b", "other")),
        (1, SHOW, data("c")),
        (2, SHOW, data("d", "id")),
        (3, UPDATE, data("e", "id")),
        (3, UPDATE, data("f")),
        (3, UPDATE, data("f", "unknown")),
        (3, SHOW, data("g", "id")),
    )
    assert brief(first) == ["e", "b", "c"]
    assert brief(second) == ["e"]
    assert brief(third) == ["g"]
    assert isinstance(first[0], Display)
    assert first[0].metadata == {"of": "e"}


def test_what_was_cut_stands_first_until_it_would_be_cleared() -> None:
    long = stream("x" * 2000)
    (found,) = after(*((1, STREAM, long),) * 3, limit=6000)
    assert found[0] == Missing(2030, first=True)
    (found,) = after(*((1, STREAM, long),) * 3, (1, CLEAR, {}), limit=6000)
    assert found == []


def test_one_that_was_too_large_stands_in_its_place() -> None:
    (found,) = after(
        (1, STREAM, stream("a")),
        (1, SHOW, data("x" * 9000)),
        (1, STREAM, stream("b")),
        limit=8000,
    )
    assert [type(output) for output in found] == [Text, Missing, Text]
    assert isinstance(found[1], Missing)
    assert not found[1].first
    assert found[1].size > 9000


def test_nonsense_is_left_out() -> None:
    (found,) = after(
        (1, STREAM, {"name": 1, "text": "a"}),
        (1, STREAM, {"name": "stdout", "text": ["a"]}),
        (1, STREAM, [1]),
        (1, STREAM, stream("b")),
        (1, UPDATE, {"data": [], "transient": {"display_id": []}}),
    )
    assert brief(found) == ["b"]
    (found,) = after((1, SHOW, {"data": [1], "metadata": None, "transient": 3}))
    assert found == [Display({}, {}, {})]


def test_display_whose_beginning_is_not_kept_shows_its_last_update() -> None:
    """A progress bar that was updated so often that its display has gone."""
    updates = [(1, UPDATE, data(f"{percent} %", "bar")) for percent in range(100)]
    (found,) = after(
        (1, SHOW, data("0 %", "bar")),
        *updates,
        (1, STREAM, stream("end")),
        limit=20 * 400,
    )
    assert isinstance(found[0], Missing)
    assert brief(found)[1:] == ["99 %", "end"]


def test_update_of_a_display_that_never_was_shows_nothing() -> None:
    """As in a front end; the cell has lost nothing."""
    (found,) = after((1, STREAM, stream("a")), (1, UPDATE, data("b", "other")))
    assert brief(found) == ["a"]
