"""What a client is told before its first cell."""

from __future__ import annotations

from typing import Any

import attrs

from ipr.jupyter.wire import split
from ipr.relay.greetings import KERNEL_INFO_TIME, MOST_WELCOMES
from tests.relay.relay_case import (
    DIED,
    INFO,
    SHUT_DOWN,
    RelayCase,
    ended,
)
from tests.requests import SIGNER


class SubscriptionTests(RelayCase):
    """iopub_welcome, JEP 65."""

    def subscribe(self, topic: bytes = b"", event: bytes = b"\x01") -> None:
        self.relay.inbound.received("iopub", [event + topic])

    def test_each_subscription_gets_a_welcome(self) -> None:
        """Each new subscription gets one, with the kernel's session."""
        self.run_kernel()
        self.subscribe()
        self.subscribe(b"kernel.stream")
        self.assertEqual(
            self.took(),
            [("iopub", "", "iopub_welcome")] * 2,
        )
        first, second = [frames for _, frames in self.front.frames]
        self.assertEqual(
            (split(first).identities, split(first).content),
            ([], {"subscription": ""}),
        )
        self.assertEqual(
            (split(second).identities, split(second).content),
            ([b"kernel.stream"], {"subscription": "kernel.stream"}),
        )
        self.assertEqual(split(first).header["session"], "session-1")
        self.assertTrue(SIGNER.verifies(first))

    def test_before_the_kernel(self) -> None:
        """It waits for the session of the kernel that is coming."""
        self.open()
        self.subscribe()
        self.assertEqual(self.took()[1:], [])
        self.answer_probe()
        self.relay.release(1)
        self.assertEqual(
            [what for what in self.took() if "welcome" in str(what)],
            [("iopub", "", "iopub_welcome")],
        )
        welcome = split(self.front.frames[-1][1])
        self.assertEqual(welcome.header["session"], "session-1")

    def test_without_any_kernel(self) -> None:
        """When none is coming nobody waits for one."""
        self.subscribe()
        self.relay.refuse(DIED)
        self.subscribe(b"x")
        self.assertEqual(
            [what[2] for what in self.took()],
            ["iopub_welcome", "idle", "iopub_welcome"],
        )

    def test_welcome_of_the_kernel(self) -> None:
        """It is swallowed: the clients' subscriptions are older than the kernel."""
        self.run_kernel()
        self.kernel("iopub", "iopub_welcome", "", subscription="")
        self.assertEqual(self.took(), [])

    def test_clients_are_connections(self) -> None:
        """Who knows how many listen knows whether anybody does."""
        self.run_kernel()
        self.front.clients = 2
        self.assertEqual(self.relay.subscribers, 2)

    def test_clients_are_not_subscriptions(self) -> None:
        """Anybody can send any number of these, and of their ends."""
        self.run_kernel()
        for event in (b"\x01", b"\x01", b"\x00", b"\x00", b"\x00"):
            self.subscribe(event=event)
        self.assertEqual(self.relay.subscribers, 0)

    def test_welcomes_before_the_kernel_are_bounded(self) -> None:
        """Those to one topic are welcomed together."""
        self.open()
        self.subscribe()
        for number in range(1000):
            self.subscribe(b"%d" % (number // 2))
        self.answer_probe()
        self.relay.release(1)
        welcomes = [what for what in self.took() if "welcome" in str(what)]
        self.assertEqual(len(welcomes), MOST_WELCOMES)

    def test_what_is_no_subscription_is_dropped(self) -> None:
        """What a subscriber sends that is no subscription is dropped."""
        self.run_kernel()
        for frames in ([b""], [b"\x02x"], [b"\x01", b"more"], [b"hello"]):
            self.relay.inbound.received("iopub", list(frames))
        self.assertEqual((self.took(), self.relay.subscribers), ([], 0))


class ExpectingTests(RelayCase):
    """The first kernel is not ready before somebody listens, or a moment is over."""

    def setUp(self) -> None:
        super().setUp()
        self.relay.greetings.expect_listener(0.3)

    def subscribe(self) -> None:
        self.relay.inbound.received("iopub", [b"\x01"])

    def test_ready_waits_for_the_first_subscriber(self) -> None:
        """Ready when the first one is there, and not before."""
        self.open()
        self.answer_probe()
        self.assertFalse(("ready", 1) in self.took())
        self.subscribe()
        self.assertIn(("ready", 1), self.took())
        self.clock.advance(0.3)

    def test_nobody_is_waited_for_in_vain(self) -> None:
        """Nor is anybody waited for in vain."""
        self.open()
        self.answer_probe()
        self.took()
        self.clock.advance(0.3)
        self.assertEqual(self.took(), [("ready", 1)])

    def test_subscriber_before_the_kernel(self) -> None:
        """Who was there first delays nothing."""
        self.subscribe()
        self.open()
        self.answer_probe()
        self.assertIn(("ready", 1), self.took())

    def test_cannot_start(self) -> None:
        """Why there is no kernel is told when somebody listens."""
        self.execute("m1")
        self.relay.refuse(DIED)
        self.assertEqual(self.took(), [])
        self.subscribe()
        self.assertIn(("ann shell", "m1", "execute_reply error 0"), self.took())

    def test_cannot_start_and_nobody_listens(self) -> None:
        """It is not kept for ever."""
        self.execute("m1")
        self.relay.refuse(DIED)
        self.clock.advance(0.3)
        self.assertIn(("ann shell", "m1", "execute_reply error 0"), self.took())

    def test_end_of_the_daemon_ends_the_wait_for_a_listener(self) -> None:
        """Who waits for a listener waits no more; nothing is left to be done."""
        self.execute("m1")
        self.relay.refuse(DIED)
        self.took()
        self.relay.end(SHUT_DOWN)
        self.assertIn(("ann shell", "m1", "execute_reply error 0"), self.took())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_started_again_meanwhile(self) -> None:
        """What was to be told of the kernel before is no longer true."""
        self.relay.refuse(DIED)
        self.execute("r", "%restart now")
        self.relay.hold()
        self.open(2)
        self.took()
        self.subscribe()
        self.assertEqual(self.took(), [])
        self.answer_probe()
        self.assertIn(("ready", 2), self.took())


class KernelInfoTests(RelayCase):
    """Answered on control always, on shell while the kernel cannot."""

    def ask(self, msg_id: str, channel: str = "shell") -> None:
        self.client(msg_id, "kernel_info_request", channel=channel)

    def answers(self, msg_id: str, channel: str) -> list[tuple[Any, ...]]:
        return [
            ("iopub", msg_id, "busy"),
            *ended(msg_id, "kernel_info_reply ok", f"ann {channel}"),
        ]

    def test_kernel_info_of_a_running_kernel_is_its_own(self) -> None:
        """On shell it is forwarded, on control answered from what is known."""
        self.run_kernel()
        self.ask("m1")
        self.assertEqual(self.took(), [("kernel 1 shell", "m1", "kernel_info_request")])
        self.ask("m2", "control")
        self.assertEqual(self.took(), self.answers("m2", "control"))
        self.assertEqual(self.last_content("control"), INFO)

    def test_kernel_info_at_a_restart_is_the_last_known(self) -> None:
        """On both it is answered at once from what is known."""
        self.run_kernel()
        self.relay.hold()
        self.took()
        for channel in ("shell", "control"):
            self.ask(channel, channel)
            self.assertEqual(self.took(), self.answers(channel, channel))
            self.assertEqual(self.last_content(channel), INFO)

    def test_before_anything_is_known(self) -> None:
        """It waits for the kernel's own answer."""
        self.open()
        self.took()
        self.ask("m1")
        self.ask("m2", "control")
        self.assertEqual(self.took(), [])
        self.answer_probe()
        self.took()
        self.relay.release(1)
        self.assertEqual(
            self.took(), [*self.answers("m1", "shell"), *self.answers("m2", "control")]
        )
        self.assertEqual(self.last_content("shell"), INFO)

    def test_not_for_ever(self) -> None:
        """After 30 seconds it gets one that was made up."""
        self.open()
        self.ask("m1")
        self.clock.advance(KERNEL_INFO_TIME - 1)
        self.ask("m2")
        self.took()
        for _ in range(2):
            self.clock.advance(0.5)
        found = [what for what in self.took() if what[0] != "kernel 1 shell"]
        self.assertEqual(found, self.answers("m1", "shell"))
        self.assertEqual(self.last_content("shell")["implementation"], "ipr")

    def test_no_kernel_is_coming(self) -> None:
        """Who waits gets it as soon as that is known, with the reason."""
        self.open()
        self.ask("m1")
        self.took()
        self.relay.finish(1, DIED)
        self.relay.refuse(DIED)
        self.assertEqual(self.took()[:3], self.answers("m1", "shell"))
        self.assertEqual(self.last_content("shell")["banner"], "the kernel died")

    def test_another_kind_of_kernel(self) -> None:
        """What is known of one kind is not told of another."""
        self.run_kernel()
        self.relay.greetings.info.forget()
        self.relay.hold()
        self.took()
        self.ask("m1")
        self.assertEqual(self.took(), [])


class DeathWhileIdleTests(RelayCase):
    """A kernel that dies while no cell runs."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def dies(self) -> None:
        self.relay.hold()
        self.relay.finish(1, attrs.evolve(DIED, followed=True))

    def heads(self) -> list[tuple[str, str]]:
        """Return what ipr wrote under cells: their ids, and the first word."""
        return [
            (what[1], what[2].split()[0])
            for what in self.took()
            if what[0] == "iopub" and what[2].startswith("stream")
        ]

    def test_next_cell(self) -> None:
        """Its first words say so, and those of the one after it do not."""
        self.dies()
        self.run_kernel(2)
        self.execute("quiet", silent=True)
        self.execute("m2")
        self.execute("m3")
        self.assertEqual(self.heads(), [("m2", "stream:")])

    def test_cell_that_was_held(self) -> None:
        """One that came while the new kernel was starting is the next one."""
        self.dies()
        self.execute("m2")
        self.open(2)
        self.answer_probe()
        self.assertEqual(self.heads(), [])
        self.relay.release(2)
        found = self.took()
        at = [what[:2] for what in found].index(("iopub", "m2"))
        self.assertTrue(found[at][2].startswith("stream"), found)
        sent = ("kernel 2 shell", "m2", "execute_request: 1")
        self.assertTrue(found.index(sent) > at, found)

    def test_cell_that_ran(self) -> None:
        """Its error says it; the next one need not."""
        self.execute("m1")
        self.start_cell("m1")
        self.dies()
        self.run_kernel(2)
        self.execute("m2")
        self.assertEqual(self.heads(), [])
