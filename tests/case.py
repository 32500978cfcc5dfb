"""The test case of the unit tests: trial's, with types.

Twisted's assertions have no annotations, and a strict mypy would complain of
every single one; here they are given once.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

E = TypeVar("E", bound=BaseException)


class Case(SynchronousTestCase):
    """A test without reactor."""

    def make_clock(self) -> Clock:
        """Return a clock; at the end of the test nothing may be left on it."""
        clock = Clock()
        self.leaves_nothing(clock)
        return clock

    def leaves_nothing(self, clock: Clock) -> None:
        """Have the test fail if a delayed call is left on ``clock``."""

        def check() -> None:
            self.assertEqual(clock.getDelayedCalls(), [])

        self.addCleanup(check)

    def assertEqual(self, first: object, second: object, msg: object = None) -> None:
        """See :mod:`unittest`."""
        typeless: Any = super()
        typeless.assertEqual(first, second, msg)

    def assertTrue(self, condition: object, msg: object = None) -> None:
        """See :mod:`unittest`."""
        typeless: Any = super()
        typeless.assertTrue(condition, msg)

    def assertFalse(self, condition: object, msg: object = None) -> None:
        """See :mod:`unittest`."""
        typeless: Any = super()
        typeless.assertFalse(condition, msg)

    def assertIs(self, first: object, second: object, msg: object = None) -> None:
        """See :mod:`unittest`."""
        typeless: Any = super()
        typeless.assertIs(first, second, msg)

    def assertIn(self, member: Any, container: Any, msg: object = None) -> None:
        """See :mod:`unittest`."""
        typeless: Any = super()
        typeless.assertIn(member, container, msg)

    def raised(self, kind: type[E], call: Callable[..., object], *args: Any) -> E:
        """Return the exception of ``kind`` that the call must raise."""
        typeless: Any = super()
        found: E = typeless.assertRaises(kind, call, *args)
        return found

    def logged_errors(self, *kinds: type[BaseException]) -> Collection[Failure]:
        """Give, and forget, the failures that were logged; left ones fail."""
        typeless: Any = self
        found: Collection[Failure] = typeless.flushLoggedErrors(*kinds)
        return found

    def folder(self) -> str:
        """Return a folder of this test alone, which goes with it."""
        made = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, made, ignore_errors=True)
        return made

    def environment(self, **values: str | None) -> None:
        """Have these environment variables, or not, until the test ends."""
        before = dict(os.environ)

        def restore() -> None:
            os.environ.clear()
            os.environ.update(before)

        self.addCleanup(restore)
        for name, value in values.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
