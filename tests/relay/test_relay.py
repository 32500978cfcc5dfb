"""Which message goes where, which are ipr's own business, what is held back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from unittest import mock

import attrs
from twisted.logger import globalLogPublisher

from ipr.jupyter import magics, messages
from ipr.jupyter.magics import Changes, Ipr
from ipr.jupyter.signing import Signer
from ipr.jupyter.wire import Malformed, split
from ipr.lifecycle.causes import Cause, Ending, Figures
from ipr.relay import answers
from ipr.relay.answers import Steps
from ipr.relay.conversation import NOTICE_TIME
from ipr.relay.gate import HELD_BESIDES
from ipr.relay.greetings import KERNEL_INFO_TIME, MOST_WELCOMES
from ipr.relay.inbound import COMPLAINT_TIME
from ipr.relay.questions import AGAIN_TIME, MOST_TRIES
from ipr.relay.readiness import PROBE_TIME, SILENT_PROBES
from ipr.relay.request import Request
from ipr.relay.subshells import MOST_STAND_INS
from ipr.relay.turns import URGED_TIME
from ipr.relay.underway import PROGRESS_TIME
from ipr.sockets.channels import ChannelClosed
from tests.fakes import Records
from tests.relay.relay_case import ASKED, DIED, INFO, SHUT_DOWN, RelayCase
from tests.requests import SIGNER, body, header

WAITS = (
    "display_data: waiting for the cells before this one to finish; interrupt the"
    " kernel, or run '%restart now' from elsewhere, to restart at once"
)


def begun(msg_id: str, code: str, number: int = 0) -> list[tuple[Any, ...]]:
    """Give how a cell begins that ipr answers itself."""
    return [
        ("iopub", msg_id, "busy"),
        ("iopub", msg_id, f"execute_input {number}: {code}"),
    ]


def ended(msg_id: str, reply: str, client: str = "ann shell") -> list[tuple[Any, ...]]:
    """Give how such a cell ends."""
    return [(client, msg_id, reply), ("iopub", msg_id, "idle")]


def aborted(msg_id: str) -> list[tuple[Any, ...]]:
    """Give the answer to a cell that was not run."""
    return [("iopub", msg_id, "busy"), *ended(msg_id, "execute_reply aborted")]


def concluded(msg_id: str, text: str) -> tuple[Any, ...]:
    """Give the one line that a %restart leaves."""
    return ("iopub", msg_id, f"display_data: restarted in place: {text}")


def restarted(msg_id: str, text: str, number: int = 0) -> list[tuple[Any, ...]]:
    """Give how a %restart ends that needed no progress to be shown."""
    return [
        concluded(msg_id, text),
        *ended(msg_id, f"execute_reply ok {number}"),
    ]


class PassingTests(RelayCase):
    """What is only relayed."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def test_request(self) -> None:
        """The very frames go in, and no client identity."""
        for channel in ("shell", "control"):
            frames = self.client("m1" + channel, "odd_request", channel=channel)
            self.assertEqual(
                self.took(), [(f"kernel 1 {channel}", "m1" + channel, "odd_request")]
            )
            self.assertIs(self.inner.bodies[-1][2], frames[3])
            self.assertEqual(self.inner.bodies[-1], frames[1:])

    def test_buffers(self) -> None:
        """Buffers ride along, both ways."""
        own = body(header("m1", "comm_msg"), {})
        self.relay.inbound.received("shell", [b"ann", *own, b"buffer"])
        self.assertEqual(self.inner.bodies, [[*own, b"buffer"]])
        frames = [b"topic", *self.frames("comm_msg", "m1", {}), b"buffer"]
        self.inner.received("iopub", frames)
        self.assertEqual(self.front.frames, [("iopub", frames)])

    def test_reply(self) -> None:
        """A reply finds its client by its parent; the very frames come out."""
        self.execute("m1", identity=b"ann")
        self.execute("m2", identity=b"bob")
        self.took()
        second = self.kernel("shell", "execute_reply", "m2", status="ok")
        first = self.kernel("shell", "execute_reply", "m1", status="ok")
        self.assertEqual(
            self.front.frames,
            [("shell", [b"bob", *second]), ("shell", [b"ann", *first])],
        )

    def test_reply_goes_to_the_channel_of_the_request(self) -> None:
        """Whatever channel the kernel answers on."""
        self.client("m1", "odd_request", channel="control")
        self.took()
        self.kernel("shell", "odd_reply", "m1", status="ok")
        self.assertEqual(self.took(), [("ann control", "m1", "odd_reply ok")])

    def test_late_messages_find_their_client(self) -> None:
        """Outputs after the end of a cell go to all, as they come."""
        self.execute("m1")
        self.end_cell("m1")
        self.took()
        self.kernel("iopub", "stream", "m1", name="stdout", text="late")
        self.assertEqual(self.took(), [("iopub", "m1", "stream: late")])

    def test_published(self) -> None:
        """What the kernel publishes goes to all, with its topic, unchanged."""
        self.execute("m1")
        self.front.frames.clear()
        sent = [
            self.kernel("iopub", "status", "m1", execution_state="busy"),
            self.kernel("iopub", "stream", "m1", name="stdout", text="x"),
            self.kernel("iopub", "status", "m1", execution_state="idle"),
            self.kernel("iopub", "odd", "", a=1),
            self.kernel("iopub", "status", "unknown", execution_state="busy"),
            self.kernel("iopub", "status", "", execution_state="starting"),
        ]
        self.assertEqual(self.front.frames, [("iopub", frames) for frames in sent])

    def test_null_parent(self) -> None:
        """xeus sends null for an empty parent."""
        frames = self.frames("status", "", {"execution_state": "starting"})
        frames[3] = b"null"
        frames[1] = SIGNER.sign(frames[2:6])
        self.front.frames.clear()
        self.inner.received("iopub", [b"t", *frames])
        self.assertEqual(self.front.frames, [("iopub", [b"t", *frames])])

    def test_input(self) -> None:
        """A question goes to who ran the cell, and the answer to the kernel."""
        self.execute("m1")
        self.took()
        question = self.kernel("stdin", "input_request", "m1", prompt="?")
        self.assertEqual(self.took(), [("ann stdin", "m1", "input_request")])
        asked = split(question).header
        answer = self.client(
            "a1", "input_reply", channel="stdin", parent=asked, value="x"
        )
        self.assertEqual(self.took(), [("kernel 1 stdin", "a1", "input_reply")])
        self.assertEqual(self.inner.bodies[-1], answer[1:])

    def test_cell_that_is_none_of_ours(self) -> None:
        """Our words in the middle of a cell, or in a text, are not ours."""
        for number, code in enumerate(
            ("x = 1\n%restart", 'print("%restart")', "%restarts", "%%ipr")
        ):
            frames = self.execute(f"m{number}", code)
            self.assertEqual(self.inner.bodies[-1], frames[1:], code)

    def test_broken_content(self) -> None:
        """A cell whose content is no JSON is the kernel's business."""
        own = body(header("m1", "execute_request"), {})
        own[5] = b"{%restart"
        own[1] = SIGNER.sign(own[2:6])
        self.relay.inbound.received("shell", [b"ann", *own])
        self.assertEqual(self.inner.bodies, [own])

    def test_code_that_is_no_text(self) -> None:
        """Nor can such a cell be ours."""
        self.client("m1", "execute_request", code=["%restart"])
        self.assertEqual([what[0] for what in self.took()], ["kernel 1 shell"])


class NotBelievedTests(RelayCase):
    """What is verified before anything is acted on."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def test_wrong_signature(self) -> None:
        """It reaches neither kernel, nor ledger, nor a magic, nor ipr."""
        other = Signer(b"another key")
        for channel, kind, code in (
            ("shell", "execute_request", "1"),
            ("shell", "execute_request", "%restart"),
            ("control", "execute_request", "%ipr exec 1"),
            ("control", "shutdown_request", ""),
            ("control", "interrupt_request", ""),
            ("shell", "kernel_info_request", ""),
        ):
            self.client("m1", kind, channel=channel, code=code, signer=other)
        self.assertEqual((self.took(), len(self.relay.ledger)), ([], 0))

    def test_one_byte_changed(self) -> None:
        """In any of the signed frames."""
        for at in (1, 2, 3, 4, 5):
            frames = body(header(f"m{at}", "execute_request"), {"code": "1"})
            frames[at] = frames[at].replace(b"{", b"{ ") + b" "
            self.relay.inbound.received("shell", [b"ann", *frames])
        self.assertEqual(self.took(), [])

    def test_replay(self) -> None:
        """The same signed frames a second time are refused, on any channel."""
        frames = self.execute("m1")
        self.took()
        self.relay.inbound.received("shell", list(frames))
        self.relay.inbound.received("control", list(frames))
        self.assertEqual(self.took(), [])

    def test_replay_of_a_magic(self) -> None:
        """Nor can a %restart be played again."""
        frames = self.execute("m1", "%restart")
        self.took()
        self.relay.inbound.received("shell", frames)
        self.assertEqual(self.took(), [])

    def test_not_remembered_before_it_is_verified(self) -> None:
        """Nobody without the key can have a signature refused beforehand."""
        frames = [b"ann", *body(header("m1", "odd_request"), {})]
        forged = list(frames)
        forged[6] = b'{"other": 1}'
        self.relay.inbound.received("shell", forged)
        self.relay.inbound.received("shell", frames)
        self.assertEqual(self.took(), [("kernel 1 shell", "m1", "odd_request")])

    def test_garbage(self) -> None:
        """Whatever else comes is dropped, and the next message is served."""
        for frames in (
            [b""],
            [b"ann"],
            [b"ann", b"<IDS|MSG>"],
            [b"<IDS|MSG>"] * 9,
            [b"ann", *body({}, {})],
            [b"ann", *body({"msg_id": "m", "msg_type": 1}, {})],
        ):
            for channel in ("shell", "control", "stdin"):
                self.relay.inbound.received(channel, list(frames))
        self.assertEqual(self.took(), [])
        self.execute("m1")
        self.assertEqual(len(self.took()), 1)

    def test_garbage_is_told_now_and_then(self) -> None:
        """Anybody can send it: the log gets one record, then their number."""
        records = Records()
        globalLogPublisher.addObserver(records)
        self.addCleanup(globalLogPublisher.removeObserver, records)
        for _ in range(100):
            self.relay.inbound.received("shell", [b"ann"])
        self.assertEqual(len(records.found), 1)
        self.clock.advance(COMPLAINT_TIME)
        self.relay.inbound.received("shell", [b"ann"])
        self.relay.inbound.received("shell", [b"ann"])
        self.assertEqual(len(records.found), 2)
        self.assertIn("(and 99 before it)", records.found[1][1])

    def test_parent_that_is_none(self) -> None:
        """A broken parent header on stdin is the kernel's affair."""
        self.execute("m1")
        self.kernel("stdin", "input_request", "m1", prompt="?")
        frames = body(header("a1", "input_reply"), {})
        frames[3] = b"[]"
        frames[1] = SIGNER.sign(frames[2:6])
        self.took()
        self.relay.inbound.received("stdin", [b"ann", *frames])
        self.assertEqual([what[1] for what in self.took()], ["a1"])

    def test_id_that_is_no_string(self) -> None:
        """Kernels copy whatever they get, so such clients work."""
        for odd in (7, None, ["a"], 1.5):
            own = {"msg_id": odd, "msg_type": "odd_request", "session": "s"}
            frames = body(own, {"n": repr(odd)})
            self.relay.inbound.received("shell", [b"ann", *frames])
            self.assertEqual(self.inner.bodies[-1], frames)
            reply = body(header("k", "odd_reply"), {"n": repr(odd)}, own)
            self.inner.received("shell", reply)
            self.assertEqual(self.front.frames[-1], ("shell", [b"ann", *reply]))
            idle = body(header("k", "status"), {"execution_state": "idle"}, own)
            self.inner.received("iopub", [b"t", *idle])
        self.assertEqual(len(self.relay.ledger), 0)

    def test_garbage_of_the_kernel(self) -> None:
        """The same from the inner side."""
        for frames in ([b""], [b"<IDS|MSG>"], body({}, {}), [b"<IDS|MSG>"] * 5):
            for channel in ("shell", "control", "stdin", "iopub"):
                self.inner.received(channel, list(frames))
        self.execute("m1")
        self.assertIn(("kernel 1 shell", "m1", "execute_request: 1"), self.took())

    def test_reply_to_nobody(self) -> None:
        """A reply whose parent nobody sent is dropped."""
        self.kernel("shell", "execute_reply", "who", status="ok")
        self.kernel("shell", "execute_reply", "", status="ok")
        self.kernel("stdin", "input_request", "who", prompt="")
        self.assertEqual(self.took(), [])

    def test_earlier_generation(self) -> None:
        """What a kernel that is gone said last is not taken for the new one's."""
        old = self.inner
        self.execute("m1")
        frames = self.frames("execute_reply", "m1", {"status": "ok"})
        self.relay.finish(1, DIED)
        self.run_kernel(2)
        old.received("shell", frames)
        old.received("iopub", [b"t", *frames])
        self.assertEqual(self.took(), [])

    def test_twice(self) -> None:
        """A second reply or idle of the same request goes no further."""
        self.execute("m1")
        for _ in "12":
            self.status("m1", "busy")
        for _ in "12":
            self.end_cell("m1")
        self.status("m1", "busy")
        self.assertEqual(
            self.took()[1:],
            [
                ("iopub", "m1", "busy"),
                ("ann shell", "m1", "execute_reply ok 1"),
                ("iopub", "m1", "idle"),
            ],
        )


class ImpostorTests(RelayCase):
    """What answers on the inner kernel's ports, and does not have the key."""

    def frames(
        self, msg_type: str, parent_id: str, content: dict[str, Any]
    ) -> list[Any]:
        signer, self.signer = self.signer, self.stranger
        try:
            return super().frames(msg_type, parent_id, content)
        finally:
            self.signer = signer

    stranger = Signer(b"another key")

    def test_each_channel(self) -> None:
        """One message is enough, and is told once; nothing of it gets anywhere."""
        for number, channel in enumerate(("shell", "control", "stdin", "iopub"), 1):
            self.open(number)
            self.took()
            for msg_type in ("kernel_info_reply", "input_request", "stream"):
                self.kernel(channel, msg_type, self.probe(), **INFO)
            self.assertEqual(self.took(), [("distrust", number)])
            self.relay.finish(number, DIED)

    def test_first_message(self) -> None:
        """Not even that is passed on."""
        own, self.stranger = self.stranger, self.signer
        self.run_kernel()
        self.stranger = own
        self.inner.steady = False
        self.execute("m1")
        self.took()
        self.kernel("shell", "execute_reply", "m1", status="ok")
        self.assertEqual(self.took(), [("distrust", 1)])

    def test_nonsense_of_our_own(self) -> None:
        """A kernel that is known to be ours loses no variables for it.

        Nobody else can be at the other end of a connection that has stayed.
        """
        own, self.stranger = self.stranger, self.signer
        self.run_kernel()
        self.execute("m1")
        self.took()
        self.stranger = own
        self.kernel("shell", "execute_reply", "m1", status="ok")
        self.status("m1", "idle")
        self.assertEqual(self.took(), [])
        self.stranger = self.signer
        self.end_cell("m1")
        self.assertEqual([what[1] for what in self.took()], ["m1", "m1"])

    def test_no_key_at_all(self) -> None:
        """An empty signature is a wrong one."""
        self.stranger = Signer(b"")
        self.open()
        self.took()
        self.answer_probe()
        self.assertEqual(self.took(), [("distrust", 1)])

    def test_garbage_costs_nothing_more(self) -> None:
        """Nothing that comes after it is as much as looked at."""
        self.open()
        self.kernel("shell", "kernel_info_reply", self.probe(), **INFO)
        with mock.patch.object(Signer, "verifies") as verifies:
            for _ in range(1000):
                self.kernel("shell", "kernel_info_reply", self.probe(), **INFO)
        self.assertEqual(verifies.call_count, 0)

    def test_while_it_runs(self) -> None:
        """All that is acted on is verified; the rest by the clients."""
        for number, msg_type in enumerate(
            ("status", "execute_input", "error", "iopub_welcome", "shutdown_reply"), 1
        ):
            own, self.stranger = self.stranger, self.signer
            self.run_kernel(number)
            self.stranger = own
            # Its socket was closed, and somebody has opened one there.
            self.inner.steady = False
            cell = f"m{number}"
            self.execute(cell)
            self.took()
            self.kernel("iopub", "stream", cell, name="stdout", text="x")
            self.assertEqual(self.took(), [("iopub", cell, "stream: x")])
            self.kernel("iopub", msg_type, cell, execution_state="idle")
            self.kernel("shell", "execute_reply", cell, status="ok")
            self.assertEqual(self.took(), [("distrust", number)])
            self.relay.finish(number, DIED)
            self.assertIn(("ann shell", cell, "execute_reply error 1"), self.took())

    def test_the_next_one_is_ours(self) -> None:
        """It is believed, and the session is its own."""
        self.open()
        self.kernel("shell", "kernel_info_reply", self.probe(), **INFO)
        self.relay.finish(1, DIED)
        self.stranger = self.signer
        self.open(2)
        self.took()
        self.answer_probe()
        self.assertIn(("ready", 2), self.took())
        self.assertEqual(self.author.session, "session-2")


class NumberTests(RelayCase):
    """The execution_count of a %restart."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()
        self.relay.voice.count = 4

    def number(self) -> object:
        return self.took()[1]

    def test_server_that_runs_the_cells(self) -> None:
        """It names no cell, and its notebook would show a cell of 0 as not run."""
        self.execute("r", "%restart", identity=b"server")
        self.assertEqual(self.number(), ("iopub", "r", "execute_input 5: %restart"))

    def test_console(self) -> None:
        """It asks whether a line is complete, and begins with In [1] after 0."""
        self.client("i", "is_complete_request", identity=b"console", code="%restart")
        self.took()
        self.execute("r", "%restart", identity=b"console")
        self.assertEqual(self.number(), ("iopub", "r", "execute_input 0: %restart"))

    def test_console_of_a_notebook(self) -> None:
        """JupyterLab's own: its cells are cells."""
        self.client("i", "is_complete_request", identity=b"lab", code="%restart")
        self.took()
        self.execute("r", "%restart", identity=b"lab", cell=True)
        self.assertEqual(self.number(), ("iopub", "r", "execute_input 5: %restart"))


class UnsignedTests(RelayCase):
    """Without a key there is nothing to verify."""

    signer = Signer(b"")

    def test_no_replays_without_signatures(self) -> None:
        """Empty signatures are all alike; that is no replay."""
        self.run_kernel()
        self.execute("m1")
        self.execute("m2")
        self.assertEqual([what[1] for what in self.took()], ["m1", "m2"])


class StdinTests(RelayCase):
    """Which answers to input() reach the kernel."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()
        self.execute("m1")
        self.took()

    def answer(self, msg_id: str, parent: dict[str, Any] | None = None) -> None:
        self.client(msg_id, "input_reply", channel="stdin", parent=parent, value="x")

    def test_nobody_asked(self) -> None:
        """What the kernel makes of it is its own affair, as without ipr."""
        self.answer("a1")
        self.assertEqual(self.took(), [("kernel 1 stdin", "a1", "input_reply")])

    def test_another_parent(self) -> None:
        """A kernel takes the next answer that comes, whatever it names.

        And it may not: the right one has to get through, too.
        """
        question = split(self.kernel("stdin", "input_request", "m1", prompt="?"))
        self.took()
        self.answer("a1", header("old", "input_request"))
        self.answer("a2", question.header)
        self.answer("a3")
        self.assertEqual([what[1] for what in self.took()], ["a1", "a2", "a3"])

    def test_while_there_is_no_kernel(self) -> None:
        """Nor is it kept for the next one."""
        self.kernel("stdin", "input_request", "m1", prompt="?")
        self.relay.hold(coming=True)
        self.took()
        self.answer("a1")
        self.assertEqual(self.took(), [])

    def test_other_types(self) -> None:
        """They are answers as well; nothing of it is ipr's business."""
        self.kernel("stdin", "input_request", "m1", prompt="?")
        self.took()
        self.execute("m2", "%restart", channel="stdin")
        self.client("m3", "shutdown_request", channel="stdin")
        self.assertEqual(
            self.took(),
            [
                ("kernel 1 stdin", "m2", "execute_request: %restart"),
                ("kernel 1 stdin", "m3", "shutdown_request"),
            ],
        )
        self.assertEqual(self.relay.ledger.inputs, {})

    def test_client_that_is_on_its_way(self) -> None:
        """Its stdin connects after its shell: it is asked then, once, in order."""
        self.front.hears = False
        self.kernel("stdin", "input_request", "m1", prompt="one")
        self.kernel("stdin", "input_request", "m1", prompt="two")
        self.clock.pump([AGAIN_TIME] * 3)
        self.assertEqual(self.took(), [])
        self.front.hears = True
        self.clock.pump([AGAIN_TIME] * 3)
        self.assertEqual(self.took(), [("ann stdin", "m1", "input_request")] * 2)
        prompts = [split(frames).content["prompt"] for _, frames in self.front.frames]
        self.assertEqual(prompts[-2:], ["one", "two"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_question_that_is_over_before_it_is_heard(self) -> None:
        """By an interrupt, by the kernel's death, by the end of the daemon."""
        ends: list[Callable[[], None]] = [
            lambda: self.end_cell("m1", "error"),
            lambda: self.relay.finish(1, DIED),
            lambda: self.relay.end(SHUT_DOWN),
        ]
        for end in ends:
            self.run_kernel()
            self.execute("m1")
            self.front.hears = False
            self.kernel("stdin", "input_request", "m1", prompt="?")
            end()
            self.took()
            self.front.hears = True
            self.clock.advance(AGAIN_TIME)
            self.assertEqual(self.took(), [])
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_client_that_has_gone(self) -> None:
        """It is not asked for ever."""
        self.front.hears = False
        self.kernel("stdin", "input_request", "m1", prompt="?")
        self.clock.pump([AGAIN_TIME] * MOST_TRIES)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.front.hears = True
        self.clock.advance(AGAIN_TIME)
        self.assertEqual(self.took(), [])

    def test_question_of_a_cell_that_was_closed(self) -> None:
        """What ipr has finished asks nobody any more."""
        self.relay.finish(1, DIED)
        self.open(2)
        self.took()
        self.kernel("stdin", "input_request", "m1", prompt="?")
        self.assertEqual(self.took(), [])


class SubscriptionTests(RelayCase):
    """iopub_welcome, JEP 65."""

    def subscribe(self, topic: bytes = b"", event: bytes = b"\x01") -> None:
        self.relay.inbound.received("iopub", [event + topic])

    def test_welcome(self) -> None:
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

    def test_garbage(self) -> None:
        """What a subscriber sends that is no subscription is dropped."""
        self.run_kernel()
        for frames in ([b""], [b"\x02x"], [b"\x01", b"more"], [b"hello"]):
            self.relay.inbound.received("iopub", list(frames))
        self.assertEqual((self.took(), self.relay.subscribers), ([], 0))


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

    def test_ready(self) -> None:
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


class HeldTests(RelayCase):
    """What comes while there is no kernel."""

    def test_released_in_order(self) -> None:
        """Held until the kernel is ready, and then passed on in order."""
        self.open()
        self.took()
        self.execute("m1", identity=b"ann")
        self.client("m2", "comm_open", identity=b"bob", comm_id="c")
        self.client("m3", "odd_request", channel="control")
        self.execute("m4", identity=b"bob")
        self.assertEqual((self.took(), self.relay.gate.held), ([], 4))
        self.relay.release(1)
        self.assertEqual(
            self.took(),
            [
                ("kernel 1 shell", "m1", "execute_request: 1"),
                ("kernel 1 shell", "m2", "comm_open"),
                ("kernel 1 control", "m3", "odd_request"),
                ("kernel 1 shell", "m4", "execute_request: 1"),
            ],
        )
        self.assertEqual(self.relay.gate.held, 0)

    def test_before_any_kernel(self) -> None:
        """Nor is anything lost before the first one is there."""
        self.execute("m1")
        self.open()
        self.took()
        self.relay.release(1)
        self.assertEqual(self.took(), [("kernel 1 shell", "m1", "execute_request: 1")])

    def test_hold(self) -> None:
        """From hold on nothing passes."""
        self.run_kernel()
        self.relay.hold(coming=True)
        self.took()
        self.execute("m1")
        self.assertEqual((self.took(), self.relay.gate.held), ([], 1))

    def test_hold_frees_blocked_prompts(self) -> None:
        """JupyterLab refuses every cell while it believes that input() waits."""
        self.run_kernel()
        self.execute("m1")
        self.kernel("stdin", "input_request", "m1", prompt="?")
        self.took()
        self.relay.hold(coming=True)
        self.assertEqual(
            self.took(), [("iopub", "(shutdown_request)", "shutdown_reply ok")]
        )
        self.assertEqual(self.last_content("iopub"), {"status": "ok", "restart": True})

    def test_hold_for_a_restart(self) -> None:
        """Consoles begin anew at a restart."""
        self.run_kernel()
        self.execute("m1", "%restart")
        self.took()
        self.relay.hold(coming=True)
        self.assertEqual(
            self.took(), [("iopub", "(shutdown_request)", "shutdown_reply ok")]
        )

    def test_hold_after_a_death(self) -> None:
        """Nobody is told to clear the screen then."""
        self.run_kernel()
        self.relay.hold(coming=True)
        self.assertEqual(self.took(), [])

    def test_hold_at_the_end(self) -> None:
        """At the very end nobody is told of a restart."""
        self.run_kernel()
        self.execute("m1")
        self.kernel("stdin", "input_request", "m1", prompt="?")
        self.took()
        self.relay.hold(coming=False)
        self.assertEqual(self.took(), [])

    def test_silent_generation_is_announced(self) -> None:
        """After a restart that no cell asked for clients are told that it is idle."""
        self.open(2)
        self.took()
        self.relay.release(2)
        self.assertEqual(self.took(), [("iopub", "(execute_request)", "idle")])


class ExpectingTests(RelayCase):
    """The first kernel is not ready before somebody listens, or a moment is over."""

    def setUp(self) -> None:
        super().setUp()
        self.relay.greetings.expect_listener(0.3)

    def subscribe(self) -> None:
        self.relay.inbound.received("iopub", [b"\x01"])

    def test_subscriber(self) -> None:
        """Ready when the first one is there, and not before."""
        self.open()
        self.answer_probe()
        self.assertFalse(("ready", 1) in self.took())
        self.subscribe()
        self.assertIn(("ready", 1), self.took())
        self.clock.advance(0.3)

    def test_nobody(self) -> None:
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

    def test_started_again_meanwhile(self) -> None:
        """What was to be told of the kernel before is no longer true."""
        self.relay.refuse(DIED)
        self.execute("r", "%restart now")
        self.relay.hold(coming=True)
        self.open(2)
        self.took()
        self.subscribe()
        self.assertEqual(self.took(), [])
        self.answer_probe()
        self.assertIn(("ready", 2), self.took())


class LimitedTests(RelayCase):
    """How much is held."""

    max_held = 2000 + 2 * HELD_BESIDES

    def test_too_much(self) -> None:
        """Past the limit a request is answered at once; later ones may fit."""
        self.execute("m1", "x" * 1000)
        self.execute("m2", "y" * 1500)
        self.execute("m3", "z")
        why = (
            "the kernel is restarting, and more requests wait for it than ipr keeps"
            " (0 MiB); send it again later"
        )
        self.assertEqual(
            self.took(),
            [
                *begun("m2", "y" * 1500),
                ("iopub", "m2", f"error: TooMuchHeld: {why}"),
                *ended("m2", "execute_reply error 0"),
            ],
        )
        self.open()
        self.took()
        self.relay.release(1)
        self.assertEqual([what[1] for what in self.took()], ["m1", "m3"])

    def test_room_again(self) -> None:
        """What was released takes no room any more."""
        self.execute("m1", "x" * 1000)
        self.run_kernel()
        self.relay.hold(coming=True)
        self.execute("m2", "x" * 1000)
        self.assertEqual(self.relay.gate.held, 1)

    def test_small_ones(self) -> None:
        """What a request takes beside its bytes counts, too."""
        for number in range(100):
            self.execute(f"m{number}", "")
        self.assertEqual(self.relay.gate.held, 2)


class FinishTests(RelayCase):
    """What a kernel left unanswered."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def test_each_gets_what_lacks(self) -> None:
        """In order; and nothing of that kernel's follows."""
        self.execute("done")
        self.end_cell("done")
        self.execute("ran", identity=b"bob")
        self.start_cell("ran", 7)
        self.execute("queued")
        self.execute("vscode", stop_on_error=False)
        self.client("comp", "complete_request", code="a", cursor_pos=1)
        self.client("comm", "comm_msg", comm_id="c")
        self.client("dbg", "debug_request", channel="control", seq=1)
        self.took()
        self.relay.hold(coming=True)
        self.took()
        self.relay.finish(1, DIED)
        error = "error: DeadKernelError: the kernel died"
        self.assertEqual(
            self.took(),
            [
                ("iopub", "ran", error),
                *ended("ran", "execute_reply error 7", "bob shell"),
                *aborted("queued"),
                ("iopub", "vscode", "busy"),
                ("iopub", "vscode", error),
                *ended("vscode", "execute_reply error 8"),
                ("iopub", "comp", "busy"),
                *ended("comp", "complete_reply ok"),
                ("iopub", "comm", "busy"),
                ("iopub", "comm", "idle"),
                ("iopub", "dbg", "busy"),
                *ended("dbg", "debug_reply", "ann control"),
            ],
        )
        self.assertEqual(len(self.relay.ledger), 0)
        self.end_cell("ran")
        self.assertEqual(self.took(), [])

    def test_facts_for_programs(self) -> None:
        """Who reads replies need not read prose."""
        self.execute("m1")
        cause = Cause(Ending.DIED, "it died", figures=Figures(9, out_of_memory=True))
        self.relay.finish(1, cause)
        (reply,) = [frames for where, frames in self.front.frames if where == "shell"]
        self.assertEqual(
            json.loads(split(reply).body[4]),
            {
                "ipr": {
                    "cause": "it died",
                    "signal": 9,
                    "exit_code": None,
                    "peak_kib": None,
                    "oom": True,
                }
            },
        )

    def test_one_that_cannot_be_answered(self) -> None:
        """The others are answered all the same."""
        for msg_id in ("m1", "m2", "m3"):
            self.execute(msg_id)
        self.took()
        real = answers.lost

        def lost(request: Request, *more: Any) -> Steps:
            if request.msg_id == "m2":
                raise KeyError("a fault of ours")
            return real(request, *more)

        with mock.patch.object(answers, "lost", lost):
            self.relay.finish(1, DIED)
        self.assertEqual(len(self.logged_errors(KeyError)), 1)
        answered = [what[1] for what in self.took() if what[0] == "ann shell"]
        self.assertEqual(answered, ["m1", "m3"])
        self.assertEqual(len(self.relay.ledger), 0)

    def test_nothing_follows(self) -> None:
        """What that kernel still says, and what is meant for it, goes nowhere."""
        self.relay.finish(1, DIED)
        self.took()
        self.kernel("iopub", "stream", "m1", name="stdout", text="late")
        self.relay.inbound.business.interrupt()
        self.assertEqual(self.took(), [])

    def test_number_after_it(self) -> None:
        """The next kernel counts from the beginning."""
        self.execute("m1")
        self.start_cell("m1", 7)
        self.relay.finish(1, DIED)
        self.open(2)
        self.took()
        self.execute("m2", "%ipr status")
        self.assertEqual(
            self.took()[1], ("iopub", "m2", "execute_input 0: %ipr status")
        )

    def test_real_late_reply_wins(self) -> None:
        """What the kernel still said while it was drained counts."""
        self.execute("m1")
        self.start_cell("m1")
        self.relay.hold(coming=True)
        self.took()
        self.kernel("shell", "execute_reply", "m1", status="ok", execution_count=1)
        self.relay.finish(1, ASKED)
        self.assertEqual(
            self.took(),
            [("ann shell", "m1", "execute_reply ok 1"), ("iopub", "m1", "idle")],
        )

    def test_late_messages_in_the_next_generation(self) -> None:
        """Should a new kernel name an old request, nobody gets a second reply."""
        self.execute("m1")
        self.relay.finish(1, DIED)
        self.open(2)
        self.took()
        self.kernel("shell", "execute_reply", "m1", status="ok")
        self.assertEqual(self.took(), [])

    def test_kernel_that_dies_at_once(self) -> None:
        """The first open cell is the one that ran, though it could not say so."""
        self.execute("m1")
        self.execute("m2")
        self.took()
        self.relay.finish(1, DIED)
        self.assertEqual(
            self.took(),
            [
                ("iopub", "m1", "busy"),
                ("iopub", "m1", "error: DeadKernelError: the kernel died"),
                *ended("m1", "execute_reply error 1"),
                *aborted("m2"),
            ],
        )

    def test_error_that_was_shown(self) -> None:
        """A cell that showed its own error before the end shows no second one."""
        self.execute("m1")
        self.start_cell("m1")
        self.kernel("iopub", "error", "m1", ename="E", evalue="e", traceback=[])
        self.took()
        self.relay.finish(1, DIED)
        self.assertEqual(self.took(), ended("m1", "execute_reply error 1"))


class RefusingTests(RelayCase):
    """While no kernel is coming."""

    def setUp(self) -> None:
        super().setUp()
        self.relay.refuse(DIED)
        self.took()
        self.why = "DeadKernelError: the kernel died; run %restart to start a new one"

    def test_cell(self) -> None:
        """Each cell is told why, and what to do."""
        self.execute("m1", "1+1")
        self.assertEqual(
            self.took(),
            [
                *begun("m1", "1+1"),
                ("iopub", "m1", f"error: {self.why}"),
                *ended("m1", "execute_reply error 0"),
            ],
        )

    def test_cell_of_a_notebook(self) -> None:
        """JupyterLab takes 0 for "not run": it gets 1."""
        self.execute("m1", "1+1", cell=True)
        self.assertIn(("ann shell", "m1", "execute_reply error 1"), self.took())

    def test_others(self) -> None:
        """Harmless answers."""
        self.client("m1", "history_request")
        self.client("m2", "comm_open", comm_id="c")
        self.client("m3", "kernel_info_request")
        self.client("m4", "odd_request", channel="control")
        self.assertEqual(
            [what for what in self.took() if what[2] not in ("busy", "idle")],
            [
                ("ann shell", "m1", "history_reply ok"),
                ("iopub", "m2", "comm_close"),
                ("ann shell", "m3", "kernel_info_reply ok"),
                ("ann control", "m4", "odd_reply error"),
            ],
        )

    def test_reason_for_consoles(self) -> None:
        """A client that only connects sees the reason in the banner."""
        self.client("m1", "kernel_info_request")
        self.assertEqual(self.last_content("shell")["banner"], "the kernel died")

    def test_restart_leaves_it(self) -> None:
        """It goes at once, and from then on requests are held again."""
        self.execute("m1", "%restart")
        self.assertEqual(self.took(), [*begun("m1", "%restart"), ("restart",)])
        self.relay.hold(coming=True)
        self.open(2)
        self.took()
        self.execute("m2")
        self.assertEqual((self.took(), self.relay.gate.held), ([], 1))
        self.clock.advance(0.25)
        self.relay.release(2)
        self.assertEqual(
            self.took(),
            [
                *restarted("m1", "pid 1002, 0.25 s"),
                ("kernel 2 shell", "m2", "execute_request: 1"),
            ],
        )

    def test_restart_that_fails(self) -> None:
        """The cell tells why; cells that waited for it are aborted."""
        self.execute("m1", "%restart")
        self.relay.hold(coming=True)
        self.open(2)
        self.execute("m2")
        self.execute("m3", stop_on_error=False)
        self.client("m4", "history_request")
        self.took()
        self.relay.finish(2, DIED)
        self.relay.refuse(Cause(Ending.NEVER_STARTED, "no such file"))
        why = "KernelStartError: no such file; run %restart to start a new one"
        self.assertEqual(
            self.took(),
            [
                ("iopub", "m1", f"error: {why}"),
                *ended("m1", "execute_reply error 0"),
                *aborted("m2"),
                *begun("m3", "1"),
                ("iopub", "m3", f"error: {why}"),
                *ended("m3", "execute_reply error 0"),
                ("iopub", "m4", "busy"),
                *ended("m4", "history_reply ok"),
                ("iopub", "(execute_request)", "idle"),
            ],
        )

    def test_ipr(self) -> None:
        """%ipr works without any kernel."""
        self.execute("m1", "%ipr status")
        self.assertIn(("command", Ipr("status")), self.took())


class RestartTests(RelayCase):
    """%restart while nothing else runs."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def turn_over(self, generation: int = 2) -> None:
        """Do to the relay what the restarter does in a restart."""
        self.relay.hold(coming=True)
        self.relay.finish(generation - 1, ASKED)
        self.open(generation)
        self.answer_probe()
        self.took()
        self.relay.release(generation)

    def test_whole(self) -> None:
        """Busy, what runs; then one line, the reply, idle."""
        self.clock.advance(100)
        self.execute("m1", "%restart")
        self.assertEqual(self.took(), [*begun("m1", "%restart"), ("restart",)])
        self.clock.advance(0.125)
        self.turn_over()
        self.assertEqual(self.took(), restarted("m1", "pid 1001 -> 1002, 0.12 s"))

    def test_now(self) -> None:
        """%restart now, and any %restart on control, does not wait."""
        self.execute("m0")
        self.took()
        self.execute("m1", "%restart now")
        self.assertEqual(self.took()[-1:], [("restart now",)])
        self.execute("m2", "%restart", channel="control")
        self.assertEqual(self.took()[-1:], [("restart now",)])
        self.turn_over()
        self.assertEqual(
            self.took(),
            [
                *restarted("m1", "pid 1001 -> 1002, 0.00 s")[:2],
                ("iopub", "m1", "idle"),
                (
                    "iopub",
                    "m2",
                    "display_data: restarted in place: pid 1001 -> 1002, 0.00 s",
                ),
                *ended("m2", "execute_reply ok 0", "ann control"),
            ],
        )

    def test_number_in_a_notebook(self) -> None:
        """A notebook's cell gets the next number; a console begins anew with 0."""
        self.execute("m0")
        self.start_cell("m0", 4)
        self.end_cell("m0")
        self.took()
        self.execute("m1", "%restart", cell=True)
        self.assertEqual(self.took()[:2], begun("m1", "%restart", 5))
        self.turn_over()
        self.assertEqual(self.took()[1:], ended("m1", "execute_reply ok 5"))

    def test_silent(self) -> None:
        """A silent one shows nothing, and gets its reply."""
        self.execute("m1", "%restart", silent=True)
        self.turn_over()
        self.assertEqual(self.took(), ended("m1", "execute_reply ok 0"))

    def test_progress(self) -> None:
        """One that takes longer says what it is doing."""
        self.execute("m1", "%restart", cell=True)
        self.relay.phase("stopping")
        self.took()
        self.clock.advance(PROGRESS_TIME)
        self.assertEqual(self.took(), [("iopub", "m1", "display_data: stopping")])
        self.relay.phase("stopping")
        self.assertEqual(self.took(), [])
        self.relay.phase("starting")
        self.assertEqual(
            self.took(), [("iopub", "m1", "update_display_data: starting")]
        )
        self.turn_over()
        self.assertEqual(self.took()[0], ("iopub", "m1", "clear_output"))

    def test_cells_after_it(self) -> None:
        """They run in the new kernel."""
        self.execute("m1", "%restart")
        self.took()
        self.execute("m2")
        self.client("m3", "comm_msg")
        self.assertEqual(self.took(), [])
        self.turn_over()
        self.assertEqual(
            self.took()[3:],
            [
                ("kernel 2 shell", "m2", "execute_request: 1"),
                ("kernel 2 shell", "m3", "comm_msg"),
            ],
        )

    def test_two_in_a_row(self) -> None:
        """The second one restarts what the first one started."""
        self.execute("m1", "%restart")
        self.execute("m2")
        self.execute("m3", "%restart")
        self.execute("m4")
        self.turn_over()
        self.assertEqual(
            self.took()[3:7],
            [
                ("kernel 2 shell", "m2", "execute_request: 1"),
                *begun("m3", "%restart"),
                ("iopub", "m3", WAITS),
            ],
        )
        self.end_cell("m2")
        self.assertEqual(
            self.took(),
            [
                ("ann shell", "m2", "execute_reply ok 1"),
                ("iopub", "m3", "busy"),
                ("restart",),
                ("iopub", "m2", "idle"),
            ],
        )
        self.turn_over(3)
        self.assertEqual(
            self.took()[-1], ("kernel 3 shell", "m4", "execute_request: 1")
        )

    def test_while_the_kernel_starts(self) -> None:
        """What is held behind a held %restart must not reach the old kernel.

        The restarter may be busy: its hold() comes a moment after restart().
        """
        self.relay.hold(coming=True)
        self.relay.finish(1, ASKED)
        self.open(2)
        self.execute("m1", "%restart")
        self.execute("m2")
        self.client("m3", "comm_msg")
        self.took()
        self.relay.release(2)
        self.assertEqual(
            self.took(),
            [
                ("iopub", "(execute_request)", "idle"),
                *begun("m1", "%restart"),
                ("restart",),
            ],
        )
        self.turn_over(3)
        self.assertEqual([what[1] for what in self.took()[-2:]], ["m2", "m3"])

    def test_kernel_of_a_restart_that_dies(self) -> None:
        """A death on the way is not the cell's end: the next kernel is."""
        self.execute("m1", "%restart")
        self.turn_over_to_death()
        self.assertEqual(self.took(), [])
        self.open(3)
        self.answer_probe()
        self.took()
        self.relay.release(3)
        self.assertEqual(
            self.took()[0],
            (
                "iopub",
                "m1",
                "display_data: restarted in place: pid 1001 -> 1003, 0.00 s",
            ),
        )

    def turn_over_to_death(self) -> None:
        self.relay.hold(coming=True)
        self.relay.finish(1, ASKED)
        self.open(2)
        self.took()
        self.relay.finish(2, DIED)

    def test_mistake(self) -> None:
        """Wrong usage is an error in the cell, and nothing is restarted."""
        self.execute("m1", "%restart later")
        text = f"%restart does not know 'later'. {magics.RESTART_USAGE}"
        self.assertEqual(
            self.took(),
            [
                *begun("m1", "%restart later"),
                ("iopub", "m1", f"error: UsageError: {text}"),
                *ended("m1", "execute_reply error 0"),
            ],
        )


class TakesItsTurnTests(RelayCase):
    """%restart behind cells that run."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()
        self.execute("m1")
        self.start_cell("m1")
        self.took()

    def waits(self, **more: Any) -> None:
        """Have a %restart wait, with a cell behind it."""
        self.execute("r", "%restart", **more)
        self.execute("m2")
        self.took()

    def test_waits(self) -> None:
        """It says so in its cell, and names the way out."""
        self.execute("r", "%restart")
        self.assertEqual(self.took(), [*begun("r", "%restart"), ("iopub", "r", WAITS)])

    def test_goes_when_all_before_it_have_ended(self) -> None:
        """Cells before it finish; it has said so; cells after it wait."""
        self.execute("m1b")
        self.took()
        self.waits()
        self.kernel("shell", "execute_reply", "m1", status="ok", execution_count=1)
        self.assertEqual(
            self.took(),
            [
                ("ann shell", "m1", "execute_reply ok 1"),
            ],
        )
        self.kernel("shell", "execute_reply", "m1b", status="ok", execution_count=2)
        self.assertEqual(
            self.took(),
            [
                ("ann shell", "m1b", "execute_reply ok 2"),
                ("iopub", "r", "busy"),
                ("restart",),
            ],
        )
        self.assertEqual((self.relay.gate.held, self.relay.restarts.waiting), (1, None))

    def test_widgets_go_on(self) -> None:
        """Only cells queue behind it: what a running cell may wait for passes."""
        self.waits()
        self.client("m3", "comm_msg")
        self.client("m4", "odd_request", channel="control")
        self.client("m5", "execute_request", channel="control", code="x")
        self.assertEqual(
            self.took(),
            [
                ("kernel 1 shell", "m3", "comm_msg"),
                ("kernel 1 control", "m4", "odd_request"),
                ("kernel 1 control", "m5", "execute_request: x"),
            ],
        )

    def test_cell_before_it_fails(self) -> None:
        """As ipykernel does with its own queue, ipr does with what it holds."""
        self.waits()
        self.execute("r2", "%restart")
        self.took()
        self.end_cell("m1", "error")
        self.assertEqual(
            self.took(),
            [
                ("ann shell", "m1", "execute_reply error 1"),
                *ended("r", "execute_reply aborted"),
                *aborted("m2"),
                *aborted("r2"),
                ("iopub", "m1", "idle"),
            ],
        )
        self.execute("m3")
        self.assertEqual(self.took(), [("kernel 1 shell", "m3", "execute_request: 1")])

    def test_cell_before_it_fails_and_does_not_stop(self) -> None:
        """VS Code sends stop_on_error false: the restart goes on."""
        self.execute("m1v", stop_on_error=False)
        self.waits()
        self.end_cell("m1")
        self.took()
        self.end_cell("m1v", "error")
        self.assertEqual(self.took()[1:3], [("iopub", "r", "busy"), ("restart",)])

    def test_idle_is_read_before_the_reply(self) -> None:
        """They come on two sockets: what the request asked for is still known."""
        self.execute("m1v", stop_on_error=False)
        self.waits()
        self.end_cell("m1")
        self.start_cell("m1v", 2)
        self.status("m1v", "idle")
        self.took()
        self.kernel("shell", "execute_reply", "m1v", status="error")
        self.assertEqual(self.took()[1:], [("iopub", "r", "busy"), ("restart",)])

    def test_other_errors_stop_nothing(self) -> None:
        """A completion that fails has nothing to do with cells."""
        self.client("m3", "odd_request")
        self.waits()
        self.kernel("shell", "odd_reply", "m3", status="error")
        self.assertEqual(self.relay.gate.held, 1)
        self.assertTrue(self.relay.restarts.waiting)

    def test_interrupt_ends_the_cell(self) -> None:
        """An interrupt while it waits: the cell fails by that, and it goes on.

        What is held behind it is aborted, as for any cell that was interrupted.
        """
        self.waits()
        self.relay.inbound.business.interrupt()
        self.assertEqual(self.took(), [("kernel 1", "SIGINT")])
        self.end_cell("m1", "error")
        self.assertEqual(
            self.took(),
            [
                ("ann shell", "m1", "execute_reply error 1"),
                *aborted("m2"),
                ("iopub", "r", "busy"),
                ("restart",),
                ("iopub", "m1", "idle"),
            ],
        )

    def test_interrupt_that_ends_nothing(self) -> None:
        """A cell that has not ended two seconds later is not waited for."""
        self.waits()
        self.client("i", "interrupt_request", channel="control")
        self.took()
        self.clock.advance(URGED_TIME - 0.1)
        self.relay.inbound.business.interrupt()
        self.assertEqual(self.took(), [("kernel 1", "SIGINT")])
        self.clock.advance(0.1)
        self.assertEqual(self.took(), [("iopub", "r", "busy"), ("restart now",)])

    def test_interrupt_by_message(self) -> None:
        """The same for a kernel that is interrupted by message."""
        self.inner.interrupt_mode = "message"
        self.waits()
        self.client("i", "interrupt_request", channel="control")
        self.assertEqual(self.took(), [("kernel 1 control", "i", "interrupt_request")])
        self.clock.advance(URGED_TIME)
        self.assertEqual(self.took()[-1], ("restart now",))

    def test_now_from_elsewhere(self) -> None:
        """%restart now takes the one that waits along."""
        self.waits()
        self.execute("n", "%restart now", identity=b"bob")
        self.assertEqual(self.took(), [*begun("n", "%restart now"), ("restart now",)])
        self.relay.hold(coming=True)
        self.relay.finish(1, ASKED)
        self.open(2)
        self.answer_probe()
        self.took()
        self.relay.release(2)
        found = self.took()
        self.assertIn(("bob shell", "n", "execute_reply ok 0"), found)
        self.assertIn(("ann shell", "r", "execute_reply ok 0"), found)
        self.assertEqual(found[-1], ("kernel 2 shell", "m2", "execute_request: 1"))

    def test_kernel_that_dies(self) -> None:
        """Then it is a restart, whatever the limits say of deaths."""
        self.waits()
        self.relay.hold(coming=True)
        self.assertEqual(
            self.took(),
            [("restart",), ("iopub", "(shutdown_request)", "shutdown_reply ok")],
        )
        self.assertEqual(self.relay.restarts.waiting, None)
        self.clock.advance(0.5)
        self.relay.finish(1, DIED)
        self.open(2)
        self.took()
        self.relay.release(2)
        self.assertIn(concluded("r", "pid 1001 -> 1002, 0.50 s"), self.took())

    def test_end_of_the_daemon(self) -> None:
        """Nobody is left waiting."""
        self.waits()
        self.relay.inbound.business.interrupt()
        self.relay.hold(coming=False)
        self.relay.finish(1, Cause(Ending.SHUT_DOWN, "shut down"))
        self.took()
        self.relay.end(Cause(Ending.SHUT_DOWN, "shut down"))
        found = [what for what in self.took() if what[0] == "ann shell"]
        self.assertEqual(
            found,
            [
                ("ann shell", "r", "execute_reply error 0"),
                ("ann shell", "m2", "execute_reply aborted"),
            ],
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])


class RestOfTheCellTests(RelayCase):
    """What follows %restart in its cell."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def go(self, code: str, **more: Any) -> list[Any]:
        frames = self.execute("r", code, **more)
        self.execute("m2")
        self.relay.hold(coming=True)
        self.relay.finish(1, ASKED)
        self.open(2)
        self.answer_probe()
        self.took()
        self.inner.bodies.clear()
        self.relay.release(2)
        return frames

    def test_runs_in_the_new_kernel(self) -> None:
        """Under the same request, and before what was held."""
        sent = self.go("%restart\nx = 1\ny", store_history=False)
        self.assertEqual(
            self.took(),
            [
                (
                    "iopub",
                    "r",
                    "display_data: restarted in place: pid 1001 -> 1002, 0.00 s",
                ),
                ("kernel 2 shell", "r", "execute_request: x = 1\ny"),
                ("kernel 2 shell", "m2", "execute_request: 1"),
            ],
        )
        body = self.inner.bodies[0]
        self.assertTrue(SIGNER.verifies(body))
        self.assertEqual(body[2:5], sent[3:6])
        self.assertEqual(
            json.loads(body[5]), {"code": "x = 1\ny", "store_history": False}
        )

    def test_one_busy_and_one_input(self) -> None:
        """The new kernel's own busy and execute_input are not shown again."""
        self.go("%restart\nx")
        self.took()
        self.start_cell("r", 1)
        self.kernel("iopub", "stream", "r", name="stdout", text="hello")
        self.end_cell("r")
        self.assertEqual(
            self.took(),
            [
                ("iopub", "r", "stream: hello"),
                ("ann shell", "r", "execute_reply ok 1"),
                ("iopub", "r", "idle"),
            ],
        )

    def test_counts_as_running(self) -> None:
        """A %restart after it waits for it."""
        self.go("%restart\nx")
        self.took()
        self.execute("r2", "%restart")
        self.assertEqual(self.took()[-1], ("iopub", "r2", WAITS))

    def test_dies(self) -> None:
        """A kernel that dies in the rest finishes the cell as any other."""
        self.go("%restart\nx")
        self.start_cell("r", 1)
        self.took()
        self.relay.finish(2, DIED)
        self.assertEqual(
            self.took(),
            [
                ("iopub", "r", "error: DeadKernelError: the kernel died"),
                *ended("r", "execute_reply error 1"),
                *aborted("m2"),
            ],
        )


class ChangesTests(RelayCase):
    """%restart with options: first it is found out whether they can be had."""

    changes = Changes(cwd="/data")

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def test_goes_when_it_can_be_had(self) -> None:
        """Cells behind it wait meanwhile; then they are put in force, and it goes."""
        self.execute("r", "%restart --cwd /data")
        self.execute("m2")
        self.assertEqual(
            self.took(),
            [*begun("r", "%restart --cwd /data"), ("prepare", self.changes)],
        )
        self.changer.settle()
        self.assertEqual(
            self.took(), [("apply",), ("iopub", "r", "busy"), ("restart",)]
        )
        self.assertEqual(self.relay.gate.held, 1)

    def test_cannot_be_had(self) -> None:
        """The kernel goes on, and what was behind it is passed on."""
        self.execute("r", "%restart --cwd /data")
        self.execute("m2")
        self.took()
        self.changer.fail("no such folder")
        self.assertEqual(
            self.took(),
            [
                ("iopub", "r", "error: WrongChange: no such folder"),
                *ended("r", "execute_reply error 0"),
                ("kernel 1 shell", "m2", "execute_request: 1"),
            ],
        )

    def test_takes_its_turn(self) -> None:
        """Settled or not, cells before it finish first."""
        self.execute("m1")
        self.execute("r", "%restart --cwd /data")
        self.took()
        self.changer.settle()
        self.assertEqual(self.took(), [("iopub", "r", WAITS)])
        self.end_cell("m1")
        self.assertEqual(
            self.took()[1:4], [("apply",), ("iopub", "r", "busy"), ("restart",)]
        )

    def test_cells_end_before_it_is_settled(self) -> None:
        """Then it waits for that."""
        self.execute("m1")
        self.execute("r", "%restart --cwd /data")
        self.end_cell("m1")
        self.took()
        self.changer.settle()
        self.assertEqual(self.took()[-1:], [("restart",)])

    def test_now(self) -> None:
        """It waits for no cell, but for that; cells behind it wait for it."""
        self.execute("m1")
        self.execute("r", "%restart now --cwd /data")
        self.assertEqual(self.took()[-1], ("prepare", self.changes))
        self.execute("m2")
        self.end_cell("m1", "error")
        self.took()
        self.execute("m3")
        # That the cell before it failed concerns neither it nor those behind it.
        self.assertEqual((self.took(), self.relay.gate.held), ([], 2))
        self.changer.settle()
        self.assertEqual(
            self.took(), [("apply",), ("iopub", "r", "busy"), ("restart now",)]
        )

    def test_interrupt_meanwhile(self) -> None:
        """An interrupt counts, though it came before it was settled."""
        self.execute("m1")
        self.execute("r", "%restart --cwd /data")
        self.relay.inbound.business.interrupt()
        self.clock.advance(URGED_TIME)
        self.took()
        self.changer.settle()
        self.assertEqual(self.took()[-1:], [("restart now",)])

    def test_aborted_meanwhile(self) -> None:
        """What was aborted before it was settled restarts nothing."""
        self.execute("m1")
        self.execute("r", "%restart --cwd /data")
        self.end_cell("m1", "error")
        self.took()
        self.changer.settle()
        self.assertEqual(self.took(), [])

    def test_another_one_behind_it(self) -> None:
        """What comes after the one that is left still waits for it."""
        self.execute("m1")
        self.execute("r1", "%restart")
        self.execute("r2", "%restart now --cwd /data", identity=b"bob")
        self.end_cell("m1", "error")
        self.took()
        self.execute("m2")
        self.assertEqual((self.took(), self.relay.gate.held), ([], 1))
        self.changer.settle()
        self.assertEqual(self.took()[-1], ("restart now",))

    def test_aborted_and_wrong(self) -> None:
        """Nor is it answered twice."""
        self.execute("m1")
        self.execute("r", "%restart --cwd /data")
        self.end_cell("m1", "error")
        self.took()
        self.changer.fail("no such folder")
        self.assertEqual(self.took(), [])

    def test_end_of_the_daemon(self) -> None:
        """Who waits for the options is told, once, urgent or not."""
        self.execute("r1", "%restart --cwd /data")
        self.execute("r2", "%restart now --cwd /data")
        self.took()
        self.relay.end(Cause(Ending.SHUT_DOWN, "shut down"))
        self.assertEqual(
            [what for what in self.took() if what[0] == "ann shell"],
            [
                ("ann shell", "r1", "execute_reply error 0"),
                ("ann shell", "r2", "execute_reply error 0"),
            ],
        )
        self.changer.settle()
        self.changer.fail("no such folder")
        self.assertEqual(self.took(), [])

    def test_kernel_dies_when_it_is_settled(self) -> None:
        """The options are put in force for the kernel that comes then."""
        self.execute("m1")
        self.execute("r", "%restart --cwd /data")
        self.changer.settle()
        self.took()
        self.relay.hold(coming=True)
        self.assertEqual(self.took()[:2], [("apply",), ("restart",)])

    def test_kernel_dies_meanwhile(self) -> None:
        """It goes once it is settled and there is a kernel again."""
        self.execute("r", "%restart --cwd /data")
        self.relay.hold(coming=True)
        self.relay.finish(1, DIED)
        self.took()
        self.changer.settle()
        self.assertEqual(self.took(), [])
        self.open(2)
        self.took()
        self.relay.release(2)
        self.assertEqual(self.took()[-1], ("restart",))


class KernelInfoTests(RelayCase):
    """Answered on control always, on shell while the kernel cannot."""

    def ask(self, msg_id: str, channel: str = "shell") -> None:
        self.client(msg_id, "kernel_info_request", channel=channel)

    def answers(self, msg_id: str, channel: str) -> list[tuple[Any, ...]]:
        return [
            ("iopub", msg_id, "busy"),
            *ended(msg_id, "kernel_info_reply ok", f"ann {channel}"),
        ]

    def test_running(self) -> None:
        """On shell it is forwarded, on control answered from what is known."""
        self.run_kernel()
        self.ask("m1")
        self.assertEqual(self.took(), [("kernel 1 shell", "m1", "kernel_info_request")])
        self.ask("m2", "control")
        self.assertEqual(self.took(), self.answers("m2", "control"))
        self.assertEqual(self.last_content("control"), INFO)

    def test_restarting(self) -> None:
        """On both it is answered at once from what is known."""
        self.run_kernel()
        self.relay.hold(coming=True)
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
        self.relay.hold(coming=True)
        self.took()
        self.ask("m1")
        self.assertEqual(self.took(), [])


class InterruptTests(RelayCase):
    """Each interrupt reaches the kernel once, by its own mode."""

    def request(self) -> None:
        self.client("i", "interrupt_request", channel="control")

    def test_signal_by_signal(self) -> None:
        """SIGINT to the daemon is SIGINT to the kernel."""
        self.run_kernel()
        self.relay.inbound.business.interrupt()
        self.assertEqual(self.took(), [("kernel 1", "SIGINT")])

    def test_message_by_signal(self) -> None:
        """A request becomes SIGINT, and ipr answers it itself."""
        self.run_kernel()
        self.request()
        self.assertEqual(
            self.took(),
            [
                ("kernel 1", "SIGINT"),
                ("iopub", "i", "busy"),
                *ended("i", "interrupt_reply ok", "ann control"),
            ],
        )

    def test_message_by_message(self) -> None:
        """A kernel that takes messages gets the very request, and answers it."""
        self.run_kernel(mode="message")
        self.request()
        self.assertEqual(self.took(), [("kernel 1 control", "i", "interrupt_request")])
        self.kernel("control", "interrupt_reply", "i", status="ok")
        self.assertEqual(self.took(), [("ann control", "i", "interrupt_reply ok")])

    def test_signal_by_message(self) -> None:
        """SIGINT to the daemon is a request of ipr's own, whose answer is swallowed."""
        self.run_kernel(mode="message")
        self.relay.inbound.business.interrupt()
        self.assertEqual(
            self.took(),
            [("kernel 1 control", "(interrupt_request)", "interrupt_request")],
        )
        asked = self.inner.asked["interrupt_request"]
        self.status(asked, "busy")
        self.kernel("control", "interrupt_reply", asked, status="ok")
        self.status(asked, "idle")
        self.assertEqual(self.took(), [])

    def test_while_it_starts(self) -> None:
        """Start-up included, in both modes."""
        self.open()
        self.took()
        self.request()
        self.assertEqual(self.took()[0], ("kernel 1", "SIGINT"))
        self.relay.finish(1, DIED)
        self.open(2, "message")
        self.took()
        self.client("i2", "interrupt_request", channel="control")
        self.assertEqual(
            self.took(),
            [
                ("kernel 2 control", "(interrupt_request)", "interrupt_request"),
                ("iopub", "i2", "busy"),
                *ended("i2", "interrupt_reply ok", "ann control"),
            ],
        )

    def test_no_kernel(self) -> None:
        """There is nothing to interrupt; the request is answered."""
        self.request()
        self.assertEqual(
            self.took(),
            [
                ("iopub", "i", "busy"),
                *ended("i", "interrupt_reply ok", "ann control"),
            ],
        )


class PartingTests(RelayCase):
    """An inner kernel that is to end ends what it runs first, if it can."""

    SIGINT = ("kernel 1", "SIGINT")
    GO = ("kernel 1 control", "(shutdown_request)", "shutdown_request")

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def part(self) -> None:
        self.relay.hold(coming=True)
        self.took()
        self.relay.ask_to_go()

    def test_idle(self) -> None:
        """Nothing runs: nothing is interrupted."""
        self.part()
        self.assertEqual(self.took(), [self.GO])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cell_that_ends(self) -> None:
        """Told to go only when all behind it are aborted, too."""
        self.execute("m1")
        self.execute("m2")
        self.start_cell("m1")
        self.part()
        self.assertEqual(self.took(), [self.SIGINT])
        self.end_cell("m1", "error")
        self.status("m2", "busy")
        self.kernel("shell", "execute_reply", "m2", status="aborted")
        self.assertEqual(self.took().count(self.GO), 0)
        self.status("m2", "idle")
        self.assertEqual(self.took(), [("iopub", "m2", "idle"), self.GO])
        self.clock.advance(1)
        self.assertEqual(self.took(), [])

    def test_reply_after_idle_while_one_is_settled(self) -> None:
        """A %restart whose options are being worked out does not hold it up."""
        self.execute("m1")
        self.execute("r", "%restart --cwd /data")
        self.part()
        self.took()
        self.status("m1", "idle")
        self.kernel("shell", "execute_reply", "m1", status="error")
        self.assertEqual(
            self.took(),
            [
                ("iopub", "m1", "idle"),
                ("ann shell", "m1", "execute_reply error None"),
                self.GO,
            ],
        )

    def test_own_interrupt_urges_nobody(self) -> None:
        """Only a user's interrupt lets a %restart go over running cells.

        Another one ends the kernel while the options of this one are worked out;
        it then waits for what runs in the new kernel, like any other.
        """
        self.execute("m1")
        self.execute("r", "%restart --cwd /data")
        self.execute("n", "%restart now\nlong()")
        self.relay.hold(coming=True)
        self.relay.ask_to_go()
        self.relay.finish(1, ASKED)
        self.open(2)
        self.answer_probe()
        self.relay.release(2)
        self.clock.advance(URGED_TIME)
        self.took()
        self.changer.settle()
        self.clock.advance(2 * URGED_TIME)
        self.assertEqual(self.took(), [("iopub", "r", WAITS)])
        self.end_cell("n")
        self.assertIn(("restart",), self.took())

    def test_reply_after_idle(self) -> None:
        self.execute("m1")
        self.part()
        self.took()
        self.status("m1", "idle")
        self.kernel("shell", "execute_reply", "m1", status="error")
        self.assertEqual(
            self.took(),
            [
                ("iopub", "m1", "idle"),
                ("ann shell", "m1", "execute_reply error None"),
                self.GO,
            ],
        )

    def test_cell_that_does_not_end(self) -> None:
        self.execute("m1")
        self.part()
        self.clock.advance(NOTICE_TIME - 0.01)
        self.assertEqual(self.took(), [self.SIGINT])
        self.clock.advance(0.02)
        self.assertEqual(self.took(), [self.GO])
        self.end_cell("m1", "error")
        self.assertEqual(self.took().count(self.GO), 0)

    def test_kernel_that_ends(self) -> None:
        """There is nobody left to be told."""
        self.execute("m1")
        self.part()
        self.relay.finish(1, ASKED)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_by_message(self) -> None:
        self.relay.finish(1, ASKED)
        self.run_kernel(2, mode="message")
        self.execute("m1")
        self.part()
        self.clock.advance(NOTICE_TIME)
        self.assertEqual(
            self.took(),
            [
                ("kernel 2 control", "(interrupt_request)", "interrupt_request"),
                ("kernel 2 control", "(shutdown_request)", "shutdown_request"),
            ],
        )

    def test_no_kernel(self) -> None:
        self.relay.finish(1, ASKED)
        self.took()
        self.relay.ask_to_go()
        self.assertEqual(self.took(), [])


class ShutdownTests(RelayCase):
    def test_at_once(self) -> None:
        """Reply, and tell the others; only then does anything end."""
        for kernel in (True, False):
            if kernel:
                self.run_kernel()
            for restart in (True, False):
                msg_id = f"s{restart}{kernel}"
                self.client(
                    msg_id, "shutdown_request", channel="control", restart=restart
                )
                self.assertEqual(
                    self.took(),
                    [
                        ("iopub", msg_id, "busy"),
                        ("ann control", msg_id, "shutdown_reply ok"),
                        ("iopub", msg_id, "shutdown_reply ok"),
                        ("iopub", msg_id, "idle"),
                        ("shut down",),
                    ],
                )
                self.assertEqual(
                    self.last_content("control"), {"status": "ok", "restart": restart}
                )


class SubshellTests(RelayCase):
    """A subshell of the kernel before is named by JupyterLab for ever."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def sent(self) -> object:
        """Give the subshell_id that the kernel got last."""
        body = self.inner.bodies[-1]
        self.assertTrue(SIGNER.verifies(body))
        return split(body).header.get("subshell_id")

    def create(self, made: str) -> None:
        self.client(f"c{made}", "create_subshell_request", channel="control")
        self.kernel(
            "control",
            "create_subshell_reply",
            f"c{made}",
            status="ok",
            subshell_id=made,
        )

    def test_known(self) -> None:
        """The very frames pass."""
        self.create("s1")
        frames = self.execute("m1", subshell="s1")
        self.assertEqual(self.inner.bodies[-1], frames[1:])

    def test_unknown(self) -> None:
        """The kernel says what it thinks of it; no thread of it is made for that."""
        for number in range(300):
            frames = self.execute(f"m{number}", subshell=f"made up {number}")
            self.assertEqual(self.inner.bodies[-1], frames[1:])
        self.assertFalse("create_subshell_request" in self.inner.asked)

    def test_of_the_generation_before(self) -> None:
        """What this generation did not make is stale."""
        self.create("s1")
        self.relay.hold(coming=True)
        self.relay.finish(1, ASKED)
        self.run_kernel(2)
        self.execute("m1", subshell="s1")
        self.assertEqual(self.sent(), None)
        self.took()
        self.end_cell("m1")
        self.assertEqual(self.took()[0], ("ann shell", "m1", "execute_reply ok 1"))

    def test_deleted(self) -> None:
        """One that was deleted is none of an earlier kernel's."""
        self.create("s1")
        self.client("d", "delete_subshell_request", channel="control", subshell_id="s1")
        self.kernel("control", "delete_subshell_reply", "d", status="ok")
        self.execute("m1", subshell="s1")
        self.assertEqual(self.sent(), "s1")
        self.relay.hold(coming=True)
        self.relay.finish(1, ASKED)
        self.run_kernel(2)
        self.execute("m2", subshell="s1")
        self.assertEqual(self.sent(), "s1")

    def have_subshells(self, *subshells: str) -> None:
        """Have the next kernel come, one that has subshells, after these."""
        for subshell in subshells:
            self.create(subshell)
        info = {**INFO, "supported_features": ["kernel subshells"]}
        self.relay.hold(coming=True)
        self.relay.finish(1, ASKED)
        self.open(2)
        self.kernel("iopub", "status", "", execution_state="starting")
        self.kernel("shell", "kernel_info_reply", self.probe(), **info)
        self.took()
        self.relay.release(2)

    def test_many_stand_ins(self) -> None:
        """Each is a thread of the kernel: the newest get theirs, the others do well."""
        self.have_subshells(*(f"s{number}" for number in range(MOST_STAND_INS + 9)))
        for number in range(MOST_STAND_INS + 9):
            self.execute(f"m{number}", subshell=f"s{number}")
            self.assertEqual(self.sent(), None)
        sent = [what[2] for what in self.took()]
        self.assertEqual(sent.count("create_subshell_request"), MOST_STAND_INS)

    def test_nested_too_deeply(self) -> None:
        """A header that cannot be written again passes as it is."""
        self.have_subshells("old")
        self.took()
        with mock.patch.object(Signer, "resign", side_effect=Malformed):
            frames = self.execute("m1", subshell="old")
        self.assertEqual(self.inner.bodies[-1], frames[1:])

    def test_stand_in(self) -> None:
        """A kernel that has subshells makes one that stands in for the old one."""
        self.have_subshells("old")
        self.assertEqual(
            [what[1] for what in self.took()[:1]], ["(create_subshell_request)"]
        )
        self.execute("m1", subshell="old")
        self.execute("m2", subshell="old")
        self.assertEqual(
            self.took()[-2:],
            [
                ("kernel 2 shell", "m1", "execute_request: 1"),
                ("kernel 2 shell", "m2", "execute_request: 1"),
            ],
        )
        self.assertEqual(self.sent(), None)
        self.kernel(
            "control",
            "create_subshell_reply",
            self.inner.asked["create_subshell_request"],
            status="ok",
            subshell_id="new",
        )
        self.assertEqual(self.took(), [])
        self.execute("m3", subshell="old")
        self.assertEqual(self.sent(), "new")
        self.client(
            "d", "delete_subshell_request", channel="control", subshell_id="old"
        )
        self.assertEqual(split(self.inner.bodies[-1]).content, {"subshell_id": "new"})
        self.assertTrue(SIGNER.verifies(self.inner.bodies[-1]))


class SlowCommandTests(RelayCase):
    """%ipr status asks Slurm, which may take its time."""

    def test_end_of_the_daemon(self) -> None:
        """It is answered by then, once."""
        self.run_kernel()
        self.commands.slow = True
        self.execute("m1", "%ipr status")
        self.took()
        self.relay.end(SHUT_DOWN)
        ends = [
            what
            for what in self.took()
            if what[1] == "m1" and ("reply" in what[2] or "idle" in what[2])
        ]
        self.assertEqual(
            ends,
            [("ann shell", "m1", "execute_reply error 0"), ("iopub", "m1", "idle")],
        )
        self.commands.cells[0].succeed()
        self.assertEqual(self.took(), [])


class OurWordsTests(RelayCase):
    """Help, completion and the like for our own words."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def test_command(self) -> None:
        """%ipr is carried out at once, whatever runs, and ended."""
        self.execute("m0")
        self.start_cell("m0", 3)
        self.took()
        self.execute("m1", "%ipr status", identity=b"bob")
        self.assertEqual(
            self.took(),
            [
                *begun("m1", "%ipr status", 3),
                ("command", Ipr("status")),
                *ended("m1", "execute_reply ok 3", "bob shell"),
            ],
        )

    def test_command_behind_a_restart(self) -> None:
        """It does not wait in the queue either."""
        self.execute("m0")
        self.execute("r", "%restart")
        self.took()
        self.execute("m1", "%ipr status")
        self.assertIn(("command", Ipr("status")), self.took())

    def test_is_complete(self) -> None:
        """A line of ours is whole; every other is the kernel's business."""
        self.client("m1", "is_complete_request", code="%restart")
        self.assertEqual(
            self.took(),
            [
                ("iopub", "m1", "busy"),
                *ended("m1", "is_complete_reply complete"),
            ],
        )
        self.client("m2", "is_complete_request", code="for x in '%restart'")
        self.assertEqual(self.took()[0][0], "kernel 1 shell")

    def test_inspect(self) -> None:
        """Help for our words; the kernel explains its own."""
        self.client("m1", "inspect_request", code="%restart", cursor_pos=3)
        self.assertIn(("ann shell", "m1", "inspect_reply ok"), self.took())
        self.assertIn("%restart", self.last_content("shell")["data"]["text/plain"])
        self.client("m2", "inspect_request", code="%time", cursor_pos=3)
        self.assertEqual(
            self.took(), [("kernel 1 shell", "m2", "inspect_request: %time")]
        )

    def test_completion_beside_the_kernels(self) -> None:
        """Our words are put behind what the kernel finds."""
        self.client("m1", "complete_request", code="%re", cursor_pos=3)
        self.assertEqual(
            self.took(), [("kernel 1 shell", "m1", "complete_request: %re")]
        )
        self.kernel(
            "shell",
            "complete_reply",
            "m1",
            status="ok",
            matches=["%reset"],
            cursor_start=0,
            cursor_end=3,
            metadata={},
        )
        self.assertEqual(self.took(), [("ann shell", "m1", "complete_reply ok")])
        self.assertEqual(self.last_content("shell")["matches"], ["%reset", "%restart"])
        self.assertTrue(SIGNER.verifies(self.front.frames[-1][1][1:]))

    def test_completion_without_a_kernel(self) -> None:
        """Our words alone, at once."""
        self.relay.hold(coming=True)
        self.took()
        self.client("m1", "complete_request", code="%re", cursor_pos=3)
        self.assertEqual(
            self.took(),
            [("iopub", "m1", "busy"), *ended("m1", "complete_reply ok")],
        )
        self.assertEqual(self.last_content("shell")["matches"], ["%restart"])

    def test_completion_that_is_none_of_ours(self) -> None:
        """The kernel's own reply is the very frames."""
        self.client("m1", "complete_request", code="a % b", cursor_pos=5)
        self.took()
        self.front.frames.clear()
        sent = self.kernel("shell", "complete_reply", "m1", status="ok")
        self.assertEqual(self.front.frames, [("shell", [b"ann", *sent])])

    def test_log_record(self) -> None:
        """A log record under a cell."""
        self.execute("m1")
        request = self.relay.ledger.unfinished()[0]
        self.took()
        self.relay.voice.whisper(request, messages.stream("record"))
        self.assertEqual(self.took(), [("iopub", "m1", "stream: record")])


class OwnMessagesTests(RelayCase):
    def test_signed_and_in_session(self) -> None:
        """What ipr says is signed, in the kernel's session, with an id of its own."""
        self.run_kernel()
        self.execute("m1", "%restart")
        self.relay.hold(coming=True)
        self.relay.finish(1, ASKED)
        self.relay.refuse(DIED)
        ids = []
        for _, frames in self.front.frames:
            envelope = split(frames)
            self.assertTrue(SIGNER.verifies(envelope.body))
            self.assertEqual(envelope.header["session"], "session-1")
            ids.append(envelope.header["msg_id"])
        self.assertEqual(len(set(ids)), len(ids))
        self.assertTrue(len(ids) > 5)

    def test_topics(self) -> None:
        """On iopub with a topic, as ipykernel forms it."""
        self.run_kernel()
        self.execute("m1", "%ipr")
        topics = [f[0] for where, f in self.front.frames if where == "iopub"]
        self.assertEqual(
            topics,
            [
                b"kernel.session-1.status",
                b"kernel.session-1.execute_input",
                b"kernel.session-1.status",
            ],
        )

    def test_tracing(self) -> None:
        """Tracing changes nothing of what passes."""
        self.run_kernel()
        self.relay.inbound.trace.on = True
        frames = self.execute("m1")
        self.kernel("shell", "execute_reply", "m1", status="ok", execution_count=1)
        self.inner.received("shell", [b"garbage"])
        self.assertEqual(self.inner.bodies, [frames[1:]])
        self.assertEqual(len(self.took()), 2)


class DeathWhileIdleTests(RelayCase):
    """A kernel that dies while no cell runs."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def dies(self) -> None:
        self.relay.hold(coming=True)
        self.relay.finish(1, attrs.evolve(DIED, followed=True))

    def heads(self) -> list[tuple[str, str]]:
        """Give what ipr wrote under cells: their ids, and the first word."""
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
