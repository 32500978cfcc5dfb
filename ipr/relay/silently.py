"""Code that runs in a kernel for ipr, and of which no client hears.

Knows how it is asked for, what of its output is kept, and when it is over. Must not
know where the code comes from, nor what it is for. While it runs, every message of that
kernel is looked at, so that its output goes nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress

import attrs

from ipr.jupyter import messages
from ipr.jupyter.wire import Envelope, Malformed
from ipr.relay.errands import Errands
from ipr.relay.timer import CallLater, Timer

#: Characters of the output that are kept, the last ones.
MOST = 16384
#: Seconds after the reply until code counts as run, if no idle comes.
IDLE_TIME = 1.0


@attrs.frozen
class Outcome:
    """How it went.

    :ivar output: what it printed, the end of it, and the traceback; plain text.
    :ivar error: in one line; ``""``: it succeeded.
    :ivar aborted: it has not run: it waited behind a cell that failed.
    """

    output: str = ""
    error: str = ""
    aborted: bool = False


class Silently:
    """One piece of code in one kernel.

    :param done: called once: it has run, and all that it printed was heard.
    :param begun: called when the kernel begins with it, if it says so.
    :param subshell: where; ``""``: in the main shell.
    :param allow_stdin: see :func:`ipr.jupyter.messages.silent`.
    """

    def __init__(
        self,
        errands: Errands,
        call_later: CallLater,
        code: str,
        done: Callable[[Outcome], None],
        subshell: str = "",
        *,
        allow_stdin: bool = False,
        begun: Callable[[], None] | None = None,
    ) -> None:
        self._errands = errands
        self._begun = begun
        self._done: Callable[[Outcome], None] | None = done
        self._output = ""
        self._error: str | None = None
        self._aborted = False
        self._idle = False
        self._without_idle = Timer(call_later)
        draft = messages.silent(code, allow_stdin=allow_stdin)
        self._msg_id = errands.ask(
            "shell", draft, self._replied, self._published, subshell
        )

    def stop(self) -> None:
        """Tell nobody of it any more."""
        self._done = self._begun = None
        self._errands.overheard(self._msg_id)
        self._without_idle.stop()

    def _published(self, envelope: Envelope) -> None:
        with suppress(Malformed):
            content = envelope.content
            kind = envelope.header["msg_type"]
            if kind == "stream":
                self._keep(content.get("text"))
            elif kind == "status":
                self._stated(content.get("execution_state"))

    def _stated(self, state: object) -> None:
        if state == "idle":
            self._idle = True
            self._check()
        elif state == "busy" and self._begun is not None:
            self._begun()

    def _replied(self, envelope: Envelope) -> None:
        if self._done is None:
            return
        self._error = ""
        with suppress(Malformed):
            content = envelope.content
            self._aborted = content.get("status") == "aborted"
            if content.get("status") != "ok":
                name, value = (content.get(key) for key in ("ename", "evalue"))
                self._error = plain(f"{name or 'error'}: {value or ''}")[:MOST]
                lines = content.get("traceback")
                for line in lines if isinstance(lines, list) else ():
                    self._keep(f"{line}\n" if isinstance(line, str) else "")
        self._without_idle.start(IDLE_TIME, self._over)
        self._check()

    def _keep(self, text: object) -> None:
        if isinstance(text, str):
            self._output = (self._output + text)[-MOST:]

    def _check(self) -> None:
        if self._idle and self._error is not None:
            self._over()

    def _over(self) -> None:
        done = self._done
        self.stop()
        if done is not None:
            output = plain(self._output).strip("\n")
            done(Outcome(output, self._error or "", self._aborted))


def plain(text: str) -> str:
    """Return a text without colours, and of a line written over only the last state."""
    lines = overwritten(_ESCAPES.sub("", text)).split("\n")
    return "\n".join("".join(filter(_shown, line)) for line in lines)


def overwritten(text: str) -> str:
    """Return of each line that was written over only the last state."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


def _shown(character: str) -> bool:
    return character.isprintable() or character == "\t"


_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
