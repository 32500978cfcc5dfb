"""When an inner kernel counts as ready."""

from __future__ import annotations

from ipr.relay.readiness import PROBE_TIME, SILENT_PROBES
from ipr.sockets.channels import ChannelClosed
from tests.relay.relay_case import (
    DIED,
    INFO,
    RelayCase,
)


class ProbeTests(RelayCase):
    """How ipr finds out that a kernel is ready."""

    def test_asks_until_it_answers(self) -> None:
        """At once, and then again and again."""
        self.open()
        for _ in range(3):
            self.assertEqual(
                self.took(),
                [("kernel 1 shell", "(kernel_info_request)", "kernel_info_request")],
            )
            self.clock.advance(PROBE_TIME)

    def test_answer_and_idle_make_ready_in_either_order(self) -> None:
        """Ready is the answer and the idle that belongs to it, in either order."""
        self.open()
        self.kernel("iopub", "status", "", execution_state="starting")
        self.status(self.probe(), "busy")
        self.took()
        self.kernel("shell", "kernel_info_reply", self.probe(), **INFO)
        self.assertEqual(self.took(), [])
        self.status(self.probe(), "idle")
        self.assertEqual(self.took(), [("ready", 1)])
        self.relay.finish(1, DIED)
        self.open(2)
        self.took()
        self.status(self.probe(), "idle")
        self.assertEqual(self.took(), [])
        self.kernel("shell", "kernel_info_reply", self.probe(), **INFO)
        self.assertEqual(self.took(), [("ready", 2)])

    def test_waits_for_a_listener(self) -> None:
        """The first kernel is not ready before somebody listens on iopub."""
        for listens in (True, False):
            self.relay.greetings.expect_listener(0.3)
            self.open(1 + (not listens))
            self.kernel("shell", "kernel_info_reply", self.probe(), **INFO)
            self.status(self.probe(), "idle")
            ready = [what for what, *_ in self.took() if what == "ready"]
            self.assertEqual(ready, [])
            if listens:
                self.relay.inbound.received("iopub", [b"\x01"])
            else:
                self.clock.advance(0.3)
            self.assertEqual(("ready", 1 + (not listens)) in self.took(), True)
            self.relay.finish(1 + (not listens), DIED)

    def ready_after(self) -> int:
        """Let time pass until the kernel counts as ready; give the probes."""
        for probes in range(10):
            if ("ready", 1) in self.took():
                return probes
            self.clock.advance(PROBE_TIME)
        return -1

    def test_no_idle(self) -> None:
        """There are kernels that say none for kernel_info."""
        self.open()
        self.kernel("iopub", "status", "", execution_state="starting")
        self.kernel("shell", "kernel_info_reply", self.probe(), **INFO)
        self.assertEqual(self.ready_after(), 1)
        self.relay.release(1)
        self.execute("m1")
        self.assertEqual(
            self.took()[-1], ("kernel 1 shell", "m1", "execute_request: 1")
        )

    def test_nothing_on_iopub(self) -> None:
        """And perhaps some that publish nothing at all."""
        self.open()
        self.kernel("iopub", "iopub_welcome", "", subscription="")
        self.kernel("shell", "kernel_info_reply", self.probe(), **INFO)
        self.assertEqual(self.ready_after(), SILENT_PROBES + 1)
        self.relay.release(1)

    def test_silent_because_nobody_can_hear_it(self) -> None:
        """A kernel without iopub is not ready, however well it answers."""
        self.open().heard = False
        self.kernel("shell", "kernel_info_reply", self.probe(), **INFO)
        self.clock.pump([PROBE_TIME] * 20)
        self.assertEqual(self.took().count(("ready", 1)), 0)
        self.inner.heard = True
        self.assertEqual(self.ready_after(), SILENT_PROBES + 1)
        self.relay.release(1)

    def test_own_messages_are_swallowed(self) -> None:
        """What belongs to ipr's own question goes to nobody, early or late."""
        self.open()
        probe = self.probe()
        self.took()
        self.status(probe, "busy")
        self.kernel("shell", "kernel_info_reply", probe, **INFO)
        self.status(probe, "idle")
        self.assertEqual(self.took(), [("ready", 1)])
        self.relay.release(1)
        self.took()
        self.status(probe, "busy")
        self.status(probe, "idle")
        self.kernel("shell", "kernel_info_reply", probe, **INFO)
        self.kernel("iopub", "shutdown_reply", probe, status="ok", restart=False)
        self.assertEqual([what for what in self.took() if what[0] != "ready"], [])

    def test_session_is_learnt(self) -> None:
        """What ipr says carries the kernel's session from its first message on."""
        self.open()
        self.kernel("iopub", "status", "", execution_state="starting")
        self.assertEqual(self.author.session, "session-1")
        self.relay.finish(1, DIED)
        self.open(2)
        self.assertEqual(self.author.session, "session-1")
        self.kernel("shell", "kernel_info_reply", self.probe(), **INFO)
        self.assertEqual(self.author.session, "session-2")

    def test_no_more_questions(self) -> None:
        """Once it runs, or is gone, or none is coming, nobody asks."""
        self.open()
        self.relay.release(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.open()
        self.relay.finish(1, DIED)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.open()
        self.relay.refuse(DIED)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_socket_that_fails_while_asking(self) -> None:
        """The kernel's end is still dealt with to the end."""
        self.open().broken = True
        self.raised(ChannelClosed, self.clock.advance, PROBE_TIME)
        self.relay.finish(1, DIED)
        self.assertEqual(self.clock.getDelayedCalls(), [])
