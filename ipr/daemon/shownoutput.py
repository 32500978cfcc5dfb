"""What ``%ipr output`` shows: in a cell, and as text in a terminal.

Knows how the outputs of cells are headed and laid out. Must not know how they were
kept, nor which are asked for.
"""

from __future__ import annotations

import html
from collections.abc import Iterator

import attrs

from ipr.daemon.status import size, span
from ipr.jupyter import messages
from ipr.jupyter.messages import Draft
from ipr.lifecycle.restarter import Restarter
from ipr.relay.asshown import Display, Missing, Output, Text, Traceback, shown
from ipr.relay.outputs import Outputs
from ipr.relay.ran import Outcome, Ran
from ipr.relay.silently import overwritten

#: Characters of a cell's first line.
LONGEST = 100
#: Characters that a terminal is sent, the last ones.
MOST_TEXT = 1 << 21

_PICTURES = ("image/", "audio/", "video/", "application/pdf")


@attrs.frozen
class Shown:
    """What one cell has shown.

    :ivar number: its execution_count with brackets, or ``""``.
    :ivar line: its first line.
    :ivar fate: what became of it, how long it took, and in which kernel it ran.
    :ivar outputs: of which none may be there.
    """

    number: str
    line: str
    fate: str
    outputs: tuple[Output, ...]


def chosen(outputs: Outputs, count: int, generation: int, now: float) -> list[Shown]:
    """Choose the last cells that have run.

    :param generation: the number of the kernel that there is.
    :param now: monotonic seconds, as the cells have them.
    :raises ipr.relay.outputs.NothingShown: there is none.
    """
    wanted = outputs.last(count)
    cells = outputs.all()
    found = zip(cells, shown(cells), strict=True)
    return [
        Shown(
            "" if cell.ran.number is None else f"[{cell.ran.number}]",
            _short(cell.ran.first_line),
            _fate(cell.ran, generation, now),
            tuple(output for output in made if output != _EMPTY),
        )
        for cell, made in found
        if cell in wanted
    ]


def shown_last(outputs: Outputs, restarter: Restarter, count: int) -> list[Shown]:
    """Choose them as of now; parameters and errors as of :func:`chosen`."""
    return chosen(outputs, count, restarter.generation(), restarter.now())


def displayed(outputs: Outputs, restarter: Restarter, count: int) -> list[Draft]:
    """Return the messages that show them as of now; errors as of :func:`chosen`."""
    return list(as_drafts(shown_last(outputs, restarter, count), outputs.limit))


#: A display without anything to show: a widget of which only that was known.
_EMPTY = Display({}, {}, {})


def as_drafts(cells: list[Shown], limit: int) -> Iterator[Draft]:
    """Return the messages that show them.

    A result and an error are those of another cell: the one becomes a display, and the
    other is printed, so that nbclient and papermill do not take this cell for a failed
    one.

    :param limit: bytes that are kept, for the line that says what is not.
    """
    for cell in cells:
        head = {"text/plain": _head(cell), "text/html": _html_head(cell)}
        yield _display(Display(dict(head), {}, {}))
        for output in cell.outputs:
            match output:
                case Text():
                    yield messages.stream(output.text, output.name)
                case Traceback():
                    yield messages.stream(f"{output.text}\n", "stderr")
                case Display():
                    yield _display(output)
                case Missing():
                    text = _missing(output, limit)
                    yield _display(Display({"text/plain": text}, {}, {}))


def as_text(cells: list[Shown], limit: int) -> str:
    """Return them as text, with colours; of a picture its type and its size.

    :param limit: as of :func:`as_drafts`.
    """
    text = "\n\n".join(
        "\n".join([_head(cell), *(_text(output, limit) for output in cell.outputs)])
        for cell in cells
    )
    if len(text) > MOST_TEXT:
        cut = size(len(text) - MOST_TEXT)
        text = f"(the first {cut} are not shown here)\n{text[-MOST_TEXT:]}"
    return text


def _display(display: Display) -> Draft:
    return Draft("display_data", attrs.asdict(display, recurse=False))


def _head(cell: Shown) -> str:
    return " ".join(filter(None, (cell.number, cell.line, f"({_tail(cell)})")))


def _html_head(cell: Shown) -> str:
    number, line, tail = map(html.escape, (cell.number, cell.line, _tail(cell)))
    return f"<div>{number} <code>{line}</code> <i>({tail})</i></div>"


def _tail(cell: Shown) -> str:
    return cell.fate if cell.outputs else f"{cell.fate}; no output"


def _fate(ran: Ran, generation: int, now: float) -> str:
    running = ran.ended is None
    outcome = Outcome.RUNNING.value if running else ran.outcome.value
    words = [outcome, _duration(ran.seconds(now))]
    if ran.generation != generation:
        words.append(f"in kernel {ran.generation}, which is gone")
    return ", ".join(words)


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else span(seconds)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _missing(missing: Missing, limit: int) -> str:
    what, mib = size(missing.size), limit >> 20
    if missing.first:
        return f"(the first {what} are not kept: --output-limit {mib})"
    return f"(an output of {what} is not kept: --output-limit {mib})"


def _text(output: Output, limit: int) -> str:
    match output:
        case Text():
            return overwritten(output.text).rstrip("\n")
        case Traceback():
            return output.text
        case Missing():
            return _missing(output, limit)
        case Display():
            return _display_text(output)


def _display_text(display: Display) -> str:
    text = display.data.get("text/plain")
    lines = [text] if isinstance(text, str) else []
    for mime, value in display.data.items():
        if mime.startswith(_PICTURES) or (not lines and mime != "text/plain"):
            lines.append(f"[{mime}, {size(_bytes(mime, value))}]")
    return "\n".join(lines)


def _bytes(mime: str, value: object) -> int:
    """Return how large it is; pictures but SVG are in base64."""
    text = value if isinstance(value, str) else str(value)
    coded = mime.startswith(_PICTURES) and not mime.startswith("image/svg")
    return len("".join(text.split())) * 3 // 4 if coded else len(text)
