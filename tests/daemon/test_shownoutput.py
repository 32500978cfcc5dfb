"""What ``%ipr output`` shows, in a cell and in a terminal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ipr.daemon import shownoutput
from ipr.daemon.shownoutput import MOST_TEXT, Shown, as_drafts, as_text, chosen
from ipr.jupyter.messages import Draft
from ipr.relay.asshown import Display, Missing, Output, Text, Traceback
from ipr.relay.outputs import Outputs
from ipr.relay.ran import Outcome, Ran

LIMIT = 2 << 20


def cell(*outputs: Output, **more: Any) -> Shown:
    fields = {"number": "[3]", "line": "x < 1", "fate": "ok, 1.0 s", **more}
    return Shown(**fields, outputs=outputs)


def display(**data: Any) -> Display:
    named = {name.replace("__", "+").replace("_", "/"): x for name, x in data.items()}
    return Display(named, {"of": 1}, {"display_id": "id"})


def text_of(*outputs: Output) -> list[str]:
    """Return the lines below the head of a cell."""
    return as_text([cell(*outputs)], LIMIT).split("\n")[1:]


def drafts(*outputs: Output) -> list[Draft]:
    """Return what follows the head of a cell."""
    return list(as_drafts([cell(*outputs)], LIMIT))[1:]


@pytest.mark.parametrize(
    ("fields", "head"),
    [
        ({}, "print(1) ... (running, 5.0 s"),
        (
            {"ended": 13.5, "outcome": Outcome.OK, "number": 7},
            "[7] print(1) ... (ok, 2",
        ),
        ({"ended": 13.5, "outcome": Outcome.CRASHED}, "print(1) ... (crashed, 2.5 s"),
        ({"generation": 1}, "print(1) ... (running, 5.0 s, in kernel 1, which is gone"),
    ],
)
def test_a_cell_is_headed_by_its_first_line_and_its_fate(
    fields: dict[str, Any], head: str
) -> None:
    outputs = Outputs(LIMIT)
    content = json.dumps({"code": "# a\nprint(1)\nx"}).replace("# a\\n", "").encode()
    settings = {"generation": 2, "began": 11.0, "outcome": Outcome.RUNNING, **fields}
    outputs.begin("m", Ran(content, sent=10.0, **settings))
    (found,) = chosen(outputs, 1, 2, 16.0)
    assert as_text([found], LIMIT).startswith(head)
    assert as_text([found], LIMIT).endswith("; no output)")


def test_a_long_first_line_is_cut() -> None:
    outputs = Outputs(LIMIT)
    outputs.begin("m", Ran(b'{"code": "%s"}' % (b"x" * 500), 1, 0.0, began=1.0))
    outputs.all()[0].ran.outcome = Outcome.OK
    (found,) = chosen(outputs, 1, 1, 16.0)
    assert len(found.line) == shownoutput.LONGEST


def test_only_as_many_cells_as_are_wanted_are_shown() -> None:
    outputs = Outputs(LIMIT)
    for number in range(4):
        code = json.dumps({"code": f"cell {number}"}).encode()
        outputs.begin(str(number), Ran(code, 1, 0.0, outcome=Outcome.OK))
    assert [found.line for found in chosen(outputs, 2, 1, 1.0)] == ["cell 2", "cell 3"]


def test_a_cell_shows_each_output_as_it_was() -> None:
    """But a result as a display, and an error printed: they are another cell's."""
    assert drafts(
        Text("stderr", ["a", "b"]), display(image_png="QUJD"), Traceback("E: v")
    ) == [
        Draft("stream", {"name": "stderr", "text": "ab"}),
        Draft(
            "display_data",
            {
                "data": {"image/png": "QUJD"},
                "metadata": {"of": 1},
                "transient": {"display_id": "id"},
            },
        ),
        Draft("stream", {"name": "stderr", "text": "E: v\n"}),
    ]


def test_the_head_does_not_act_as_html() -> None:
    head, *_ = as_drafts([cell()], LIMIT)
    assert head.content["data"] == {
        "text/plain": "[3] x < 1 (ok, 1.0 s; no output)",
        "text/html": (
            "<div>[3] <code>x &lt; 1</code> <i>(ok, 1.0 s; no output)</i></div>"
        ),
    }


@pytest.mark.parametrize(
    ("missing", "text"),
    [
        (
            Missing(3_250_586, first=True),
            "(the first 3.1 MiB are not kept: --output-limit 2)",
        ),
        (
            Missing(9_000_000, first=False),
            "(an output of 8.6 MiB is not kept: --output-limit 2)",
        ),
    ],
)
def test_what_is_missing_is_said(missing: Missing, text: str) -> None:
    assert text_of(missing) == [text]
    (draft,) = drafts(missing)
    assert draft.content["data"] == {"text/plain": text}


def test_a_terminal_has_text_and_the_names_of_pictures() -> None:
    found = text_of(
        Text("stdout", ["  1 %\r 50 %\r100 %\n\x1b[31mred\x1b[0m\n"]),
        display(text_plain="<Figure>", image_png="QUJD\n" * 100),
        display(text_plain="a table", text_html="<table>"),
        display(text_html="<b>"),
        display(image_svg__xml="<svg/>"),
        display(application_json={"a": 1}),
        Traceback("\x1b[31mE: v"),
    )
    assert found == [
        "100 %",
        "\x1b[31mred\x1b[0m",
        "<Figure>",
        "[image/png, 300 B]",
        "a table",
        "[text/html, 3 B]",
        "[image/svg+xml, 6 B]",
        "[application/json, 8 B]",
        "\x1b[31mE: v",
    ]


def test_cells_are_apart_in_a_terminal() -> None:
    text = as_text([cell(Text("stdout", ["a\n"])), cell()], LIMIT)
    assert text == "[3] x < 1 (ok, 1.0 s)\na\n\n[3] x < 1 (ok, 1.0 s; no output)"


def test_a_terminal_has_the_end_of_what_is_too_long() -> None:
    text = as_text([cell(Text("stdout", ["x" * MOST_TEXT, "end"]))], LIMIT)
    assert text.startswith("(the first 25 B are not shown here)\nx")
    assert text.endswith("xend")
    assert len(text) < MOST_TEXT + 50


def test_a_widget_without_text_is_left_out() -> None:
    outputs = Outputs(LIMIT)
    outputs.begin("m", Ran(b"{}", 1, 0.0))
    outputs.published(b'"msg_type": "display_data"', b'{"msg_id": "m"}', b"{}")
    (found,) = chosen(outputs, 1, 1, 1.0)
    assert found.outputs == ()
