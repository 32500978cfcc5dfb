from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import time
import unittest
from typing import Any
from unittest import mock

import pytest
from jupyter_client._version import version_info
from jupyter_client.manager import KernelManager

from ipr.server import inplace
from tests.server.button_case import ButtonCase

#: It runs the steps of a blocking manager in a task each: nothing to keep.
in_one_task = unittest.skipIf(
    version_info < (8,), "a blocking manager of jupyter_client 7 restarts plainly"
)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def targets() -> list[str]:
    """:return: what this process has open, for a failure's text."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found.append(os.readlink(f"/proc/self/fd/{name}"))
    return sorted(found)


class RestartTests(ButtonCase):
    """What keeps the process."""

    async def started(self, mode: str = "new", **more: Any) -> tuple[Any, int]:
        manager = self.manager(mode, **more)
        await manager.start_kernel()
        if mode != "late":
            await self.agreed(manager)
        return manager, manager.provisioner.pid

    def test_keeps_process_and_connection(self) -> None:
        async def work() -> None:
            manager, pid = await self.started()
            before = manager.get_connection_info()
            for now in (False, True):
                begin = time.monotonic()
                await manager.restart_kernel(now=now)
                self.assertTrue(time.monotonic() - begin < 2.4)
                self.assertEqual(manager.provisioner.pid, pid)
                self.assertTrue(await manager.is_alive())
            self.assertEqual(manager.get_connection_info(), before)
            await manager.shutdown_kernel()
            self.assertFalse(await manager.is_alive())

        self.run_async(work())
        self.assertEqual([order["now"] for order in self.orders()], [False, True])

    def test_order_follows_what_the_manager_sent(self) -> None:
        """Its interrupt must not reach the new kernel."""

        async def work() -> None:
            manager, _ = await self.started()
            await manager.restart_kernel()

        self.run_async(work())
        kinds = [kind for kind, _ in self.messages()]
        order = kinds.index("ipr_restart_request")
        self.assertTrue(kinds.index("interrupt_request") < order)
        self.assertTrue(kinds.index("shutdown_request") < order)

    @in_one_task
    def test_blocking_manager_keeps_it(self) -> None:
        manager = self.manager(kind=KernelManager)
        manager.start_kernel()
        self.run_async(self.agreed(manager))
        pid = manager.provisioner.pid
        manager.restart_kernel()
        manager.restart_kernel(now=True)
        self.assertEqual(manager.provisioner.pid, pid)
        manager.shutdown_kernel(now=True)
        self.assertFalse(manager.is_alive())

    def test_blocking_manager_of_an_older_jupyter_client_is_plain(self) -> None:
        """It runs each step in a task of its own."""
        module: Any = inplace
        self.addCleanup(setattr, module, "version_info", module.version_info)
        module.version_info = (7, 4, 9)
        manager = self.manager(kind=KernelManager)
        manager.start_kernel()
        self.assertIs(manager.provisioner._line, None)
        pid = manager.provisioner.pid
        manager.restart_kernel(now=True)
        self.assertTrue(manager.provisioner.pid != pid)
        manager.shutdown_kernel(now=True)

    def test_keeps_it_over_ipc_and_with_curve(self) -> None:
        cases = [{"transport": "ipc"}, {"transport_encryption": "required"}]
        if not KernelManager.class_traits().get("transport_encryption"):
            del cases[1]  # jupyter_client before 8.9
        for traits in cases:

            async def work(traits: dict[str, str] = traits) -> None:
                manager, pid = await self.started(**traits)
                await manager.restart_kernel()
                self.assertEqual(manager.provisioner.pid, pid)
                await manager.shutdown_kernel(now=True)

            self.run_async(work())
            self.assertEqual(len(self.orders()), 1)
            os.unlink(self.log)
            shutil.rmtree(os.path.join(self.place, "kernels"))

    def test_restart_just_after_the_start_waits_for_the_daemon(self) -> None:
        # On a busy machine Python alone takes two seconds to start.
        patient = mock.patch.object(inplace, "ANSWER_TIME", 20.0)
        patient.start()
        self.addCleanup(patient.stop)

        async def work() -> None:
            manager, pid = await self.started("late")
            await manager.restart_kernel(now=True)
            self.assertEqual(manager.provisioner.pid, pid)
            await manager.shutdown_kernel(now=True)

        self.run_async(work())

    @pytest.mark.slow
    def test_request_that_was_lost_does_not_end_it(self) -> None:
        """Two restarts close the manager's socket under each other."""

        async def work() -> None:
            manager, pid = await self.started("deaf")
            for _ in range(2):
                begin = time.monotonic()
                await manager.restart_kernel()
                self.assertTrue(1 <= time.monotonic() - begin < 4)
                self.assertEqual(manager.provisioner.pid, pid)
            await manager.restart_kernel(now=True)
            self.assertEqual(manager.provisioner.pid, pid)
            self.assertTrue(await manager.is_alive())

        self.run_async(work())
        self.assertEqual(len(self.orders()), 3)

    def test_other_tasks_never_see_it_gone(self) -> None:
        """The server's restarter would start another one."""

        async def work() -> None:
            manager, pid = await self.started()
            seen: list[bool] = []

            async def poll() -> None:
                while True:
                    seen.append(await manager.is_alive())
                    await asyncio.sleep(0)

            polling = asyncio.create_task(poll())
            for now in (False, True, False):
                await manager.restart_kernel(now=now)
            polling.cancel()
            self.assertTrue(len(seen) >= 500, len(seen))
            self.assertTrue(all(seen), seen.count(False))
            self.assertEqual(manager.provisioner.pid, pid)

        self.run_async(work())

    @pytest.mark.slow
    def test_several_at_once_keep_it(self) -> None:
        async def work() -> None:
            for count, now in ((2, False), (5, False), (5, True)):
                manager, pid = await self.started()
                done = await asyncio.gather(
                    *(manager.restart_kernel(now=now) for _ in range(count)),
                    return_exceptions=True,
                )
                self.assertIn(None, done)
                self.assertEqual(manager.provisioner.pid, pid)
                self.assertTrue(await manager.is_alive())
                await manager.restart_kernel()
                self.assertEqual(manager.provisioner.pid, pid)
                await manager.shutdown_kernel(now=True)
                shutil.rmtree(os.path.join(self.place, "kernels"))

        self.run_async(work())

    def test_one_that_another_has_overtaken_ends_nothing(self) -> None:
        """It has waited for the kernel to be gone, which by now is there again."""

        async def work() -> None:
            manager, pid = await self.started()
            await manager.request_shutdown(restart=True)
            await asyncio.create_task(manager.restart_kernel())
            await manager.finish_shutdown(restart=True)
            await manager.cleanup_resources(restart=True)
            self.assertIsNone(manager.provisioner.process.poll())
            await manager.restart_kernel()
            self.assertEqual(manager.provisioner.pid, pid)
            self.assertTrue(await manager.is_alive())

        self.run_async(work())

    def test_restart_that_was_given_up_is_made_good_by_the_next(self) -> None:
        async def work() -> None:
            manager, pid = await self.started()
            for now in (False, True):
                await manager.shutdown_kernel(now=now, restart=True)
                # Here jupyter_client raised.
                await manager.restart_kernel(now=now)
                self.assertEqual(manager.provisioner.pid, pid)
                self.assertTrue(await manager.is_alive())
            await manager.shutdown_kernel()
            self.assertFalse(await manager.is_alive())

        self.run_async(work())

    @pytest.mark.slow
    def test_thirty_restarts_open_nothing(self) -> None:
        async def work() -> None:
            manager, pid = await self.started()
            await manager.restart_kernel()
            before = descriptors()
            for at in range(30):
                await manager.restart_kernel(now=bool(at % 2))
            # ZeroMQ closes in a thread of its own what has been closed here.
            end = time.monotonic() + 10
            while descriptors() > before and time.monotonic() < end:
                await asyncio.sleep(0.01)
            self.assertTrue(descriptors() <= before, targets())
            self.assertEqual(manager.provisioner.pid, pid)

        self.run_async(work())

    def test_environment_and_folder_go_along(self) -> None:
        async def work() -> None:
            manager = self.manager()
            env = {**os.environ, "A": "1", "B": "1"}
            await manager.start_kernel(env=env, cwd=self.place)
            await self.agreed(manager)
            pid = manager.provisioner.pid
            await manager.restart_kernel(env={**os.environ, "A": "2", "C": "3"})
            await manager.restart_kernel(cwd="/")
            await manager.restart_kernel(cwd="/nowhere")
            self.assertEqual(str(manager.provisioner.cwd), "/")
            await manager.restart_kernel()
            self.assertEqual(manager.provisioner.pid, pid)

        self.run_async(work())
        self.assertEqual(
            [(order["env"], order["cwd"]) for order in self.orders()],
            [
                ({"A": "2", "B": None, "C": "3"}, ""),
                ({}, "/"),
                ({}, "/nowhere"),
                # It is asked for again: it may be there by now.
                ({}, "/nowhere"),
            ],
        )


@pytest.mark.slow
class AnotherProcessTests(ButtonCase):
    """What ends the process, and starts another one."""

    async def replaced(
        self, mode: str, now: bool, within: float, **changes: Any
    ) -> None:
        manager = self.manager(mode)
        await manager.start_kernel()
        if mode not in ("mute", "old"):
            await self.agreed(manager)
        provisioner = manager.provisioner
        process = provisioner.process
        begin = time.monotonic()
        await manager.restart_kernel(now=now, **changes)
        took = time.monotonic() - begin
        self.assertTrue(took < within, f"{mode}, {now}: {took}")
        self.assertTrue(provisioner.pid != process.pid, mode)
        self.assertTrue(process.returncode is not None, mode)
        self.assertTrue(await manager.is_alive())
        provisioner.process.kill()
        await manager.shutdown_kernel(now=True)
        shutil.rmtree(os.path.join(self.place, "kernels"))

    def test_kernel_without_ipr_is_not_waited_for(self) -> None:
        for now in (False, True):
            self.run_async(self.replaced("old", now, 1.9))

    def test_daemon_with_another_owner_is_restarted_as_ever(self) -> None:
        self.run_async(self.replaced("elsewhere", False, 4))

    def test_hanging_daemon_is_ended(self) -> None:
        self.run_async(self.replaced("mute", True, 7))
        self.run_async(self.replaced("mute", False, 9))

    def test_daemon_that_refuses_is_ended(self) -> None:
        self.run_async(self.replaced("refusing", False, 4))

    def test_other_arguments_start_another(self) -> None:
        self.run_async(
            self.replaced("new", False, 4, extra_arguments=["new"], independent=True)
        )

    def test_dead_daemon_is_replaced(self) -> None:
        async def work() -> None:
            manager = self.manager()
            await manager.start_kernel()
            pid = manager.provisioner.pid
            os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.1)
            # As the server's restarter does it.
            await manager.restart_kernel(now=True)
            new = manager.provisioner.pid
            self.assertTrue(new != pid)
            await self.agreed(manager)
            await manager.restart_kernel()
            self.assertEqual(manager.provisioner.pid, new)

        self.run_async(work())

    def test_daemon_that_dies_while_it_is_asked_is_replaced_at_once(self) -> None:
        async def work() -> None:
            manager = self.manager("mute")
            await manager.start_kernel()
            pid = manager.provisioner.pid
            asyncio.get_running_loop().call_later(0.3, os.kill, pid, signal.SIGKILL)
            begin = time.monotonic()
            await manager.restart_kernel()
            self.assertTrue(time.monotonic() - begin < 1.9)
            self.assertTrue(manager.provisioner.pid != pid)

        self.run_async(work())


class ShutdownTests(ButtonCase):
    def test_urgent_shutdown_ends_the_process(self) -> None:
        async def work() -> None:
            for mode in ("new", "mute", "old"):
                manager = self.manager(mode)
                await manager.start_kernel()
                process = manager.provisioner.process
                begin = time.monotonic()
                await manager.shutdown_kernel(now=True)
                self.assertTrue(time.monotonic() - begin < 1.5, mode)
                self.assertEqual(process.returncode, -signal.SIGKILL)
                self.assertIs(manager.provisioner._line, None)

        self.run_async(work())

    def test_shutdown_after_a_shutdown_for_a_restart(self) -> None:
        async def work() -> None:
            for now in (False, True):
                manager = self.manager()
                await manager.start_kernel()
                await self.agreed(manager)
                process = manager.provisioner.process
                await manager.shutdown_kernel(restart=True)
                self.assertTrue(process.poll() is None)
                await manager.shutdown_kernel(now=now)
                self.assertTrue(process.poll() is not None)
                shutil.rmtree(os.path.join(self.place, "kernels"))

        self.run_async(work())

    @in_one_task
    def test_two_calls_of_a_blocking_manager_start_another(self) -> None:
        """The second call knows nothing of the first one's task."""
        manager = self.manager(kind=KernelManager)
        manager.start_kernel()
        self.run_async(self.agreed(manager))
        process = manager.provisioner.process
        manager.shutdown_kernel(restart=True)
        manager.start_kernel()
        self.assertEqual(process.returncode, -signal.SIGTERM)
        self.assertTrue(manager.is_alive())
        manager.shutdown_kernel(now=True)

    def test_launcher_is_asked_before_it_is_killed(self) -> None:
        """A killed srun leaves its job behind."""
        srun = os.path.join(self.place, "srun")
        said = os.path.join(self.place, "said")
        with open(srun, "w") as file:
            file.write(
                f"#!/bin/sh\ntrap 'kill $!; echo TERM >>{said}; exit 3' TERM\n"
                '"$@" & wait $!\n'
            )
        os.chmod(srun, 0o700)

        async def work() -> None:
            for mode in ("new", "old"):
                manager = self.manager(mode, launcher=(srun,))
                await manager.start_kernel()
                await self.agreed(manager)
                process = manager.provisioner.process
                await manager.shutdown_kernel(now=True)
                self.assertEqual(process.returncode, 3, mode)

        self.run_async(work())
        with open(said) as file:
            self.assertEqual(file.read(), "TERM\nTERM\n")
