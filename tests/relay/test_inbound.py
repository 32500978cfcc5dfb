"""What comes through the door, and whose business it is."""

from __future__ import annotations

from twisted.logger import globalLogPublisher

from ipr.jupyter.signing import Signer
from ipr.jupyter.wire import HEADER, MOST_FRAMES, split
from ipr.relay.inbound import COMPLAINT_TIME
from ipr.relay.owner import EARLY_TIME
from ipr.relay.request import Request
from tests.fakes import Done, Records
from tests.relay.relay_case import (
    DIED,
    SHUT_DOWN,
    RelayCase,
    ended,
)
from tests.requests import SIGNER, body, header


class PassingTests(RelayCase):
    """What is only relayed."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def test_request_passes_without_identities(self) -> None:
        """The very frames go in, and no client identity."""
        for channel in ("shell", "control"):
            frames = self.client("m1" + channel, "odd_request", channel=channel)
            self.assertEqual(
                self.took(), [(f"kernel 1 {channel}", "m1" + channel, "odd_request")]
            )
            self.assertIs(self.inner.bodies[-1][2], frames[3])
            self.assertEqual(self.inner.bodies[-1], frames[1:])

    def test_buffers_pass_both_ways(self) -> None:
        """Buffers ride along, both ways."""
        own = body(header("m1", "comm_msg"), {})
        self.relay.inbound.received("shell", [b"ann", *own, b"buffer"])
        self.assertEqual(self.inner.bodies, [[*own, b"buffer"]])
        frames = [b"topic", *self.frames("comm_msg", "m1", {}), b"buffer"]
        self.inner.received("iopub", frames)
        self.assertEqual(self.front.frames, [("iopub", frames)])

    def test_reply_finds_its_client(self) -> None:
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

    def test_late_outputs_go_to_all(self) -> None:
        """Outputs after the end of a cell go to all, as they come."""
        self.execute("m1")
        self.end_cell("m1")
        self.took()
        self.kernel("iopub", "stream", "m1", name="stdout", text="late")
        self.assertEqual(self.took(), [("iopub", "m1", "stream: late")])

    def test_published_messages_go_to_all(self) -> None:
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

    def test_question_and_answer_pass_on_stdin(self) -> None:
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
            ("x = 1\n%restart\ny = 2", 'print("%restart")', "%restarts", "%%ipr")
        ):
            frames = self.execute(f"m{number}", code)
            self.assertEqual(self.inner.bodies[-1], frames[1:], code)

    def test_cell_with_broken_content_goes_to_the_kernel(self) -> None:
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

    def test_repeated_message_is_refused(self) -> None:
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

    def test_garbage_is_dropped_and_the_next_is_served(self) -> None:
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

    def test_second_reply_or_idle_goes_no_further(self) -> None:
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


class ReflectionTests(RelayCase):
    """The inner kernel has the clients' key: what it is sent is no request to us."""

    def reflect(self, kind: str, channel: str) -> Done:
        """Send the newest message that the kernel got back to the front."""
        [*_, sent] = [one for one in self.inner.bodies if kind.encode() in one[HEADER]]
        self.took()
        self.relay.inbound.received(channel, [b"thief", *sent])
        return self.took()

    def test_own_question_is_not_answered(self) -> None:
        """He would send the signed answer on, and be taken for the kernel."""
        self.run_kernel()
        self.open(2)
        self.assertEqual(self.reflect("kernel_info_request", "control"), [])

    def test_own_goodbye_ends_nothing(self) -> None:
        """A shutdown_request to a kernel is not one to the daemon."""
        self.run_kernel()
        self.relay.ask_to_go()
        self.assertEqual(self.reflect("shutdown_request", "control"), [])

    def test_rest_of_a_cell_runs_once(self) -> None:
        """It is signed again before it goes to the kernel."""
        self.run_kernel()
        envelope = split(self.execute("r", "%restart\nx = 1"))
        conversation = self.relay.conversation
        assert conversation is not None
        request = Request.of("shell", envelope)
        conversation.send_rest(request, envelope.body, "x = 1")
        self.assertEqual(self.reflect("execute_request", "shell"), [])


class EchoTests(RelayCase):
    """Whoever listens on iopub has what kernels publish, signed."""

    def echo(self, kind: str, generation: int) -> Done:
        """Send to the front what a kernel has published."""
        own = header(f"{kind}-{generation}", kind)
        own["session"] = f"session-{generation}"
        self.took()
        self.relay.inbound.received("shell", [b"thief", *body(own, {"comm_id": "c"})])
        return self.took()

    def test_comm_message_of_a_kernel_is_no_clients(self) -> None:
        """Not of the kernel that runs, and not of one before it."""
        self.run_kernel()
        self.run_kernel(2)
        for kind in ("comm_open", "comm_msg", "comm_close"):
            for generation in (1, 2):
                self.assertEqual(self.echo(kind, generation), [], (kind, generation))

    def test_other_sessions_and_types_pass(self) -> None:
        """An ipr around this one asks with the session of the kernel."""
        self.run_kernel()
        self.assertEqual(len(self.echo("comm_msg", 3)), 1)
        self.assertEqual(len(self.echo("odd_request", 1)), 1)


class LongTests(RelayCase):
    """A message of which not all was read."""

    def long(self, channel: str, kind: str, buffers: int) -> Done:
        self.run_kernel()
        frames = [b"ann", *body(header("m", kind), {"code": "1"})]
        buffers -= len(frames)
        self.relay.inbound.received(channel, frames + [b""] * buffers)
        return self.took()

    def test_most_buffers_pass(self) -> None:
        [(_, msg_id, _)] = self.long("shell", "execute_request", MOST_FRAMES)
        self.assertEqual(msg_id, "m")
        [sent] = self.inner.bodies
        self.assertEqual(len(sent), MOST_FRAMES - 1)

    def test_more_are_refused(self) -> None:
        """It is never passed on without its last buffers."""
        done = self.long("shell", "execute_request", MOST_FRAMES + 1)
        self.assertEqual(self.inner.bodies, [])
        self.assertEqual(done[-2][:2], ("ann shell", "m"))
        content = self.last_content("shell")
        self.assertEqual(content["ename"], "TooManyBuffers")
        self.assertIn("10000 frames", content["evalue"])

    def test_long_answer_is_dropped(self) -> None:
        self.assertEqual(self.long("stdin", "input_reply", MOST_FRAMES + 1), [])


class UnsignedTests(RelayCase):
    """Without a key there is nothing to verify."""

    signer = Signer(b"")

    def test_no_replays_without_signatures(self) -> None:
        """Empty signatures are all alike; that is no replay."""
        self.run_kernel()
        self.execute("m1")
        self.execute("m2")
        self.assertEqual([what[1] for what in self.took()], ["m1", "m2"])


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

    def test_interrupt_without_kernel_is_answered(self) -> None:
        """There is nothing to interrupt; the request is answered."""
        self.request()
        self.assertEqual(
            self.took(),
            [
                ("iopub", "i", "busy"),
                *ended("i", "interrupt_reply ok", "ann control"),
            ],
        )


class ShutdownTests(RelayCase):
    def test_at_once(self) -> None:
        """Reply, and tell the others; only then does anything end."""
        self.clock.advance(EARLY_TIME)
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


class SlowCommandTests(RelayCase):
    """%ipr status asks Slurm, which may take its time."""

    def test_slow_command_is_answered_at_the_end_of_the_daemon(self) -> None:
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
