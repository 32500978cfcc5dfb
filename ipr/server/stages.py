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
    stage: Stage
    launch: int


_marks: ContextVar[Mapping[int, _Mark]] = ContextVar("ipr_stages")
_keys = itertools.count()


@attrs.define
class Stages:
    """The stages of one kernel, a task each.

    A launch, in place or for real, ends what other tasks have thought before it: a
    restart that jupyter_client gave up would leave them without a kernel for good.
    """

    _key: int = attrs.field(factory=_keys.__next__, init=False)
    _launch: int = attrs.field(default=0, init=False)

    @property
    def last(self) -> Stage:
        """The stage that this task has come to, other tasks' launches aside."""
        mark = _marks.get({}).get(self._key)
        return Stage.HERE if mark is None else mark.stage

    @property
    def now(self) -> Stage:
        """The stage of this task."""
        mark = _marks.get({}).get(self._key)
        if mark is None or mark.launch != self._launch:
            return Stage.HERE
        return mark.stage

    @property
    def is_gone(self) -> bool:
        """Whether the kernel is gone for this task."""
        return self.now in (Stage.GONE, Stage.GONE_NOW)

    @property
    def was_gone(self) -> bool:
        """The same, whatever others have launched since."""
        return self.last in (Stage.GONE, Stage.GONE_NOW)

    def enter(self, stage: Stage) -> None:
        """Have this task, and those that it starts, at a stage."""
        marks = {k: mark for k, mark in _marks.get({}).items() if k != self._key}
        if stage is not Stage.HERE:
            marks[self._key] = _Mark(stage, self._launch)
        _marks.set(marks)

    def launched(self) -> None:
        """Have every task see the kernel again."""
        self._launch += 1
        self.enter(Stage.HERE)
