"""Standbys: why there can be none, and whether one is wanted."""

from __future__ import annotations

import os
from typing import Any
from unittest import mock

from ipr.boot.first import Plan
from ipr.boot.launch import Launch
from ipr.daemon import room
from ipr.daemon.nextkernel import NextKernel
from ipr.daemon.room import Room
from ipr.daemon.supply import Supply, too_large, wish
from ipr.kernel import memory
from ipr.lifecycle.reserve import Reserve
from ipr.lifecycle.standby import Absent, Off, State
from tests.case import Case
from tests.fakes import FakeMessenger, FakeSupply

NOTHING: Any = None


class SupplyTests(Case):
    def refused(self, launch: Launch | None) -> str:
        planned = Plan(NOTHING, launch, "", None)
        kernel = NextKernel(NOTHING, planned, NOTHING, NOTHING)
        return Supply(NOTHING, kernel).refused()

    def test_launcher_that_may_queue_has_none(self) -> None:
        self.assertIn("may wait in a queue", self.refused(Launch(("srun", "python"))))

    def test_kernel_without_command_has_none(self) -> None:
        self.assertEqual(self.refused(None), "there is no command to start")

    def test_ipykernel_may_have_one(self) -> None:
        argv = ("python", "-m", "ipykernel_launcher", "-f", "{connection_file}")
        self.assertEqual(self.refused(Launch(argv)), "")


class QuestionTests(Case):
    """What the kernel that was started is asked."""

    def asked(self, language: str) -> bool:
        launch = Launch(("kernel", "{connection_file}"), language=language)
        starter: Any = mock.Mock()
        kernel = NextKernel(NOTHING, Plan(NOTHING, launch, "", None), starter, NOTHING)
        supply = Supply(NOTHING, kernel)
        supply.start(*[NOTHING] * 3)
        return supply.question() is not None

    def test_python_is_asked_what_it_has_loaded(self) -> None:
        self.assertTrue(self.asked("python"))
        self.assertTrue(self.asked("Python"))

    def test_kernel_of_an_unknown_language_is_asked(self) -> None:
        self.assertTrue(self.asked(""))

    def test_other_languages_are_asked_nothing(self) -> None:
        self.assertFalse(self.asked("R"))
        self.assertFalse(self.asked("bash"))


class WishTests(Case):
    def wished(self, standby: str, found: Room) -> State:
        messenger = FakeMessenger([])
        self.supply = FakeSupply([])
        reserve = Reserve(self.make_clock(), self.supply, messenger, messenger.quiet)
        self.addCleanup(reserve.close)
        with mock.patch.object(room, "look", return_value=found):
            wish(reserve, standby)
        return reserve.state

    def test_off_is_the_default_and_says_so(self) -> None:
        off = Off("it was not asked for (--standby)")
        self.assertEqual(self.wished("off", Room(64, 1 << 40)), off)

    def test_full_is_one_wherever_it_is(self) -> None:
        self.assertEqual(self.wished("full", Room(1, None)), Absent())
        self.assertFalse(self.supply.careful)

    def test_auto_is_one_where_there_is_room(self) -> None:
        self.assertEqual(self.wished("auto", Room(64, 1 << 40)), Absent())
        self.assertTrue(self.supply.careful)
        why = "there is not plainly room: only 1 core"
        self.assertEqual(self.wished("auto", Room(1, 1 << 40)), Off(why))


class TooLargeTests(Case):
    """What was measured counts, once there is something to measure."""

    def said(self, takes: int, found: Room) -> str:
        with (
            mock.patch.object(room, "look", return_value=found),
            mock.patch.object(memory, "proportional", return_value=takes << 20),
        ):
            return too_large([os.getpid()])

    def test_usual_one_has_room(self) -> None:
        self.assertEqual(self.said(40, Room(2, 2 << 30)), "")

    def test_one_with_much_preloaded_has_not(self) -> None:
        why = (
            "there is not plainly room: it takes 400 MiB, and only 2048 MiB of memory"
            " are free"
        )
        self.assertEqual(self.said(400, Room(2, 2 << 30)), why)
