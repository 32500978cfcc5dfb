from __future__ import annotations

import asyncio
import contextvars

from ipr.server.stages import Stage, Stages
from tests.case import Case


class StagesTests(Case):
    """Each test in a context of its own, as each task is."""

    def setUp(self) -> None:
        self.stages = Stages()
        self.restarting = contextvars.copy_context()

    def enter(self, stage: Stage) -> None:
        self.restarting.run(self.stages.enter, stage)

    def is_gone(self, context: contextvars.Context) -> bool:
        return context.run(lambda: self.stages.is_gone)

    def test_gone_for_the_task_that_restarts_and_for_no_other(self) -> None:
        self.enter(Stage.GONE)
        self.assertTrue(self.is_gone(self.restarting))
        self.assertFalse(self.is_gone(contextvars.copy_context()))
        self.assertFalse(self.restarting.run(lambda: Stages().is_gone))

    def test_gone_for_a_task_that_it_starts(self) -> None:
        """``asyncio.wait_for`` waits in a task of its own before Python 3.12."""

        async def restart() -> bool:
            self.stages.enter(Stage.GONE_NOW)

            async def look() -> bool:
                return self.stages.is_gone

            return await asyncio.create_task(look())

        self.assertTrue(asyncio.run(restart()))

    def launch_elsewhere(self) -> None:
        contextvars.copy_context().run(self.stages.launched)

    def test_another_launch_does_not_bring_it_back_during_the_shutdown(self) -> None:
        """Else the shutdown would wait for its end, and send SIGTERM."""
        self.enter(Stage.GONE)
        self.launch_elsewhere()
        self.assertTrue(self.is_gone(self.restarting))

    def test_another_launch_brings_it_back_after_the_shutdown(self) -> None:
        """A restart that was given up would leave its task without a kernel."""
        for first in (self.launch_elsewhere, self.finish):
            self.enter(Stage.GONE)
            first()
            self.finish()
            if first == self.finish:
                self.assertTrue(self.is_gone(self.restarting))
                self.launch_elsewhere()
            self.assertFalse(self.is_gone(self.restarting))
            # Its own launch, if it comes, is still that of a restart.
            self.assertTrue(self.restarting.run(lambda: self.stages.was_gone))

    def finish(self) -> None:
        self.restarting.run(self.stages.finish)

    def test_a_launch_ends_its_own_restart(self) -> None:
        self.enter(Stage.GONE)
        self.restarting.run(self.stages.launched)
        self.assertFalse(self.restarting.run(lambda: self.stages.was_gone))
        self.assertIs(self.restarting.run(lambda: self.stages.now), Stage.HERE)

    def test_two_kernels_in_one_task(self) -> None:
        other = Stages()
        self.enter(Stage.GONE)
        self.restarting.run(other.enter, Stage.EARNEST)
        self.assertTrue(self.is_gone(self.restarting))
        self.assertIs(self.restarting.run(lambda: other.now), Stage.EARNEST)
