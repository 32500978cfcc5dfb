"""What the running task takes a kernel for: there, or gone.

Knows that a restart runs in one task, and tasks started by it have a copy of its
context. Must not know what a stage leads to.

The manager waits until a kernel is gone before it launches one. A kernel that stays
must seem gone to that task, and to no other: the server's restarter, which polls it,
would start another one; a second restart would end it.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Mapping
from contextvars import ContextVar

import attrs


class Stage(enum.Enum):
    """Where a task stands with a kernel."""

    HERE = "nothing has been asked of it"
    EARNEST = "it is ended for real"
    GONE = "it has heard that it will be restarted"
    GONE_NOW = "it would have been killed"


@attrs.frozen
class _Mark:
    """Where one task stands with one kernel.

    :ivar launch: how many launches there had been.
    :ivar over: the shutdown has come to its end.
    """

    stage: Stage
    launch: int
    over: bool = False


_marks: ContextVar[Mapping[int, _Mark]] = ContextVar("ipr_stages")
_keys = itertools.count()


@attrs.define
class Stages:
    """The stages of one kernel, a task each.

    A shutdown waits until the kernel is gone, and another task's launch must not bring
    it back meanwhile. Once the shutdown is over it must: jupyter_client may give the
    restart up before its own launch, and the task would be without a kernel for good.
    """

    _key: int = attrs.field(factory=_keys.__next__, init=False)
    _launch: int = attrs.field(default=0, init=False)

    @property
    def now(self) -> Stage:
        """The stage of this task."""
        mark = self._mark
        return Stage.HERE if mark is None else mark.stage

    @property
    def was_gone(self) -> bool:
        """Whether this task has found the kernel gone, whatever others did since."""
        return self.now in (Stage.GONE, Stage.GONE_NOW)

    @property
    def is_gone(self) -> bool:
        """Whether the kernel is gone for this task."""
        mark = self._mark
        if mark is None or not self.was_gone:
            return False
        return not mark.over or mark.launch == self._launch

    def enter(self, stage: Stage) -> None:
        """Have this task, and those that it starts, at a stage."""
        self._note(None if stage is Stage.HERE else _Mark(stage, self._launch))

    def finish(self) -> None:
        """End this task's shutdown."""
        mark = self._mark
        if mark is not None:
            self._note(attrs.evolve(mark, over=True))

    def launched(self) -> None:
        """Note a launch, in place or for real, by this task."""
        self._launch += 1
        self._note(None)

    @property
    def _mark(self) -> _Mark | None:
        return _marks.get({}).get(self._key)

    def _note(self, mark: _Mark | None) -> None:
        marks = {k: other for k, other in _marks.get({}).items() if k != self._key}
        if mark is not None:
            marks[self._key] = mark
        _marks.set(marks)
