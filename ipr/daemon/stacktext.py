"""What ``%ipr stack`` shows: processes, and frames as a traceback has them.

Knows columns, what is left out of a long list, and how it looks in a notebook. Must not
know how it was found out.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterator

import attrs

from ipr.daemon.stack import Stack
from ipr.kernel.atwork import Process
from ipr.kernel.frames import Frame, Shown, Thread

#: Columns.
WIDTH = 80
#: Of each list, the ones that are shown.
MOST_PROCESSES = 12
MOST_THREADS = 10
MOST_FRAMES = 40

#: What stands back, and what stands out; in JupyterLab's colours, light and dark.
_STYLES = {
    "note": "color: var(--jp-content-font-color2, var(--vscode-descriptionForeground))",
    "line": "font-weight: bold",
    "": "",
}


@attrs.frozen
class Line:
    """One line.

    :ivar kind: one of ``_STYLES``.
    """

    text: str
    kind: str = ""


def as_text(stack: Stack) -> str:
    """Return it as text, no line longer than ``WIDTH``."""
    return "\n".join(line.text for line in _lines(stack))


def displayed(stack: Stack) -> dict[str, str]:
    """Return both, by MIME type."""
    return {"text/plain": as_text(stack), "text/html": as_html(stack)}


def as_html(stack: Stack) -> str:
    """Return the same for a notebook."""
    body = "\n".join(
        f"<span style='{_STYLES[line.kind]}'>{html.escape(line.text)}</span>"
        if line.kind
        else html.escape(line.text)
        for line in _lines(stack)
    )
    return f"<pre>{body}</pre>"


def _lines(stack: Stack) -> list[Line]:
    if stack.problem:
        return [Line(stack.problem)]
    lines = list(_processes(stack.processes))
    if stack.threads is not None:
        lines += _threads(stack.threads)
    lines.append(Line(""))
    for sentence in (*stack.why_not, _left_out(stack.threads), f"found {stack.how}"):
        lines += [Line(text, "note") for text in textwrap.wrap(sentence, WIDTH)]
    return [attrs.evolve(line, text=_fit(line.text)) for line in lines]


def _processes(processes: tuple[Process, ...]) -> Iterator[Line]:
    kernel, *others = processes
    # What works comes first; then in the order in which they were started.
    others.sort(key=lambda process: -round(process.share, 1))
    shown = [kernel, *others][:MOST_PROCESSES]
    texts = [_doing(process) for process in shown]
    width = max(map(len, texts))
    yield Line(f"{'PID':>8}  {'CPU':>5}  {'DOES':<{width}}  COMMAND", "note")
    for process, text in zip(shown, texts, strict=True):
        share = f"{process.share * 100:.0f} %"
        yield Line(
            f"{process.pid:>8}  {share:>5}  {text:<{width}}  {_plain(process.command)}"
        )
    if len(processes) > len(shown):
        more = len(processes) - len(shown)
        yield Line(f"{'':>8}  and {more} more processes of the kernel", "note")


def _doing(process: Process) -> str:
    # The state is one moment's; who has used a good part of a core did not wait.
    return "running" if process.share >= 0.5 else process.doing


def _threads(shown: Shown) -> Iterator[Line]:
    # Those of a pool often do all the same.
    groups: dict[tuple[Frame, ...], list[Thread]] = {}
    for thread in shown.threads:
        groups.setdefault(thread.frames, []).append(thread)
    for alike in list(groups.values())[:MOST_THREADS]:
        yield Line("")
        yield Line(_head(alike), "note")
        if not alike[0].frames:
            yield Line("  runs no cell")
        yield from _frames(alike[0].frames)
    if len(groups) > MOST_THREADS:
        yield Line("")
        yield Line(f"and {len(groups) - MOST_THREADS} more threads", "note")


def _head(alike: list[Thread]) -> str:
    first, *others = alike
    name = "main thread" if first.main else f"thread {_plain(first.name)}"
    more = f" and {len(others)} more that do the same" if others else ""
    doing = f", {first.doing}" if first.doing else ""
    return f"{name}{more}{doing}"


def _frames(frames: tuple[Frame, ...]) -> Iterator[Line]:
    hidden = len(frames) - MOST_FRAMES
    if hidden > 0:
        # The cell, and what is going on.
        frames = (frames[0], *frames[hidden + 1 :])
    for number, frame in enumerate(frames):
        place = f", line {frame.line}" if frame.line else ""
        if frame.function != "<module>":
            place += f", in {_plain(frame.function)[:40]}"
        yield Line(f"  {_where(frame, WIDTH - 2 - len(place))}{place}")
        if frame.text:
            yield Line(f"    {_plain(frame.text)}", "line")
        if number == 0 and hidden > 0:
            yield Line(f"  and {hidden} calls in between", "note")


def _where(frame: Frame, room: int) -> str:
    """Return where it is; of a path that is too long, its end is what tells."""
    if frame.is_cell:
        return f"cell {frame.cell}".strip() if frame.cell else "a cell"
    path = _plain(frame.path)
    return path if len(path) <= room else f"\u2026{path[len(path) - room + 1 :]}"


def _left_out(shown: Shown | None) -> str:
    if shown is None or not (shown.frames_left_out or shown.threads_left_out):
        return ""
    frames, threads = shown.frames_left_out, shown.threads_left_out
    return f"left out: {frames} frames and {threads} threads of the kernel itself"


def _fit(text: str) -> str:
    text = text.rstrip()
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}\u2026"


def _plain(text: str) -> str:
    """Return a text of one line that does nothing to a terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
