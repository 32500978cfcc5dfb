"""The kernel manager that restarts in place."""

from __future__ import annotations

from typing import Any

from ipr.jupyter.wire import split
from ipr.lifecycle.limits import Pace
from ipr.relay.interrupts import PUT_OFF_TIME
from ipr.relay.owner import EARLY_TIME, GREETING_TIME
from tests.fakes import Done
from tests.relay.relay_case import (
    ASKED,
    DIED,
    INFO,
    SHUT_DOWN,
    RelayCase,
    aborted,
    ended,
)

#: The session ids of the provisioner and of its manager.
LINE, OWNER = "line", "manager"
#: How a cell ends whose kernel was restarted.
RESTARTED = "error: KernelRestarted: the kernel was restarted"


class OwnerCase(RelayCase):
    def greet(self, msg_id: str = "g", session: str = LINE, owner: str = OWNER) -> None:
        self.client(
            msg_id,
            "kernel_info_request",
            channel="control",
            identity=b"pro",
            session=session,
            ipr={"owner": owner},
        )

    def greeted(self) -> dict[str, Any]:
        """Greet; give what the answer says of us, which is all that was said."""
        self.took()
        msg_id = f"g{next(self.numbers)}"
        self.greet(msg_id)
        [(where, parent, said)] = self.took()
        self.assertEqual((where, parent), ("pro control", msg_id))
        self.assertIn("kernel_info_reply", said)
        found: dict[str, Any] = self.last_content("control")["ipr"]
        return found

    def order(self, msg_id: str = "o", session: str = LINE, **content: Any) -> None:
        self.client(
            msg_id,
            "ipr_restart_request",
            channel="control",
            identity=b"pro",
            session=session,
            **content,
        )

    def ask(self, msg_id: str = "s", session: str = OWNER) -> None:
        """Have the manager ask the kernel to go."""
        self.client(
            msg_id,
            "shutdown_request",
            channel="control",
            session=session,
            restart=True,
        )

    def interrupt(self, msg_id: str = "i", session: str = OWNER) -> None:
        self.client(msg_id, "interrupt_request", channel="control", session=session)

    #: What comes of an order that is carried out, when nothing waits.
    CARRIED_OUT: tuple[tuple[Any, ...], ...] = (
        ("follow", {}, ""),
        ("follows",),
    )
    ANSWER = ("pro control", "o", "ipr_restart_reply ok")

    def refused(self) -> str:
        """Return why the one order was not carried out; nothing else was done."""
        [what] = self.took()
        self.assertEqual(what, ("pro control", "o", "ipr_restart_reply error"))
        found: str = self.last_content("control")["evalue"]
        return found


class GreetingTests(OwnerCase):
    """Answered at once in every state, on control only."""

    def expected(self, asked: int = 0) -> dict[str, Any]:
        return {"restart": True, "owner": OWNER, "asked": asked, "generation": 7}

    def test_before_the_first_kernel_is_known(self) -> None:
        self.assertEqual(self.greeted(), self.expected())
        self.assertEqual(self.last_content("control")["implementation"], "ipr")

    def test_while_the_first_kernel_starts(self) -> None:
        self.open()
        self.assertEqual(self.greeted(), self.expected())

    def test_greeting_of_a_running_kernel_is_its_kernel_info(self) -> None:
        """With all that the kernel says of itself."""
        self.run_kernel()
        self.execute("m1")
        self.assertEqual(self.greeted(), self.expected())
        content = self.last_content("control")
        self.assertEqual({name: content[name] for name in INFO}, INFO)

    def test_while_requests_are_held(self) -> None:
        self.run_kernel()
        self.relay.hold()
        self.execute("m1")
        self.assertEqual(self.greeted(), self.expected())
        self.assertEqual(self.relay.gate.held, 1)

    def test_where_no_kernel_is_coming(self) -> None:
        self.run_kernel()
        self.relay.finish(1, DIED)
        self.relay.refuse(DIED)
        self.assertEqual(self.greeted(), self.expected())

    def test_on_the_way_out(self) -> None:
        self.relay.end(SHUT_DOWN)
        self.assertEqual(self.greeted(), self.expected())

    def test_one_that_is_broken_is_a_plain_question(self) -> None:
        """It has busy and idle, and the answer says nothing of us."""
        self.run_kernel()
        broken: tuple[Any, ...] = ("x", None, [], {}, {"owner": ""}, {"owner": 1})
        for number, said in enumerate((*broken, {"owner": "x" * 300})):
            msg_id = f"g{number}"
            self.client(msg_id, "kernel_info_request", channel="control", ipr=said)
            self.assertEqual(
                self.took(),
                [
                    ("iopub", msg_id, "busy"),
                    *ended(msg_id, "kernel_info_reply ok", "ann control"),
                ],
            )
            self.assertFalse("ipr" in self.last_content("control"))
        self.order()
        self.assertIn("another one", self.refused())

    def test_on_shell_it_is_a_plain_question(self) -> None:
        self.run_kernel()
        self.client("g", "kernel_info_request", ipr={"owner": OWNER})
        self.assertEqual(self.took(), [("kernel 1 shell", "g", "kernel_info_request")])

    def test_latest_counts(self) -> None:
        """Orders are taken from its session, and requests of its manager."""
        self.run_kernel()
        self.greet()
        self.greet("g2", "line 2", "manager 2")
        self.took()
        self.order()
        self.assertIn("another one", self.refused())
        self.ask()
        self.assertIn(("shut down",), self.took())
        self.order("o2", "line 2")
        self.assertIn(("restart",), self.took())


class AskedTests(OwnerCase):
    """The manager's shutdown_request{restart: true}."""

    def answered(self, msg_id: str = "s") -> Done:
        return [
            ("iopub", msg_id, "busy"),
            ("ann control", msg_id, "shutdown_reply ok"),
            ("iopub", msg_id, "shutdown_reply ok"),
            ("iopub", msg_id, "idle"),
        ]

    def test_is_answered_and_counted_and_nothing_else(self) -> None:
        """No order may ever follow: then the kernel is to stay as it is."""
        self.run_kernel()
        self.greet()
        self.took()
        calls = len(self.clock.getDelayedCalls())
        for number in (1, 2):
            self.ask(f"s{number}")
            self.assertEqual(self.took(), self.answered(f"s{number}"))
            self.assertEqual(self.greeted()["asked"], number)
        self.assertEqual(len(self.clock.getDelayedCalls()), calls)

    def test_count_never_goes_back(self) -> None:
        """Whoever waits for it to grow would wait in vain."""
        self.greet()
        self.ask()
        self.greet("g2", "line 2")
        self.assertEqual(self.last_content("control")["ipr"]["asked"], 1)
        self.greet("g3", "line 3", "manager 3")
        self.assertEqual(self.last_content("control")["ipr"]["asked"], 1)

    def test_others_end_the_daemon(self) -> None:
        self.run_kernel()
        self.greet()
        for session in ("client", LINE):
            self.took()
            self.ask(f"s {session}", session)
            self.assertEqual(
                self.took(), [*self.answered(f"s {session}"), ("shut down",)]
            )

    def test_without_a_greeting_it_ends_the_daemon(self) -> None:
        self.run_kernel()
        self.clock.advance(EARLY_TIME)
        self.ask()
        self.assertEqual(self.took(), [*self.answered(), ("shut down",)])

    def test_right_after_the_start_a_greeting_may_be_on_its_way(self) -> None:
        """It comes by another connection; when it has come, the kernel stays."""
        self.run_kernel()
        self.ask()
        self.assertEqual(self.took(), self.answered())
        self.clock.advance(GREETING_TIME / 2)
        self.assertEqual(self.greeted()["asked"], 1)
        self.clock.advance(2 * GREETING_TIME)
        self.assertFalse(("shut down",) in self.took())

    def test_right_after_the_start_it_ends_when_no_greeting_comes(self) -> None:
        """Nor is that of another manager the one that is waited for."""
        for other in (False, True):
            self.ask(f"s{other}")
            self.took()
            if other:
                self.greet("g", "line 2", "manager 2")
            self.clock.advance(GREETING_TIME / 2)
            self.assertFalse(("shut down",) in self.took())
            self.clock.advance(GREETING_TIME / 2)
            self.assertIn(("shut down",), self.took())

    def test_without_a_greeting_a_restart_soon_after_the_start_is_as_quick(
        self,
    ) -> None:
        """A server without ipr never greets, and its restart must not be slower."""
        self.run_kernel()
        self.clock.advance(2.0)
        self.ask("two seconds after it")
        self.assertIn(("shut down",), self.took())

    def test_wait_for_a_greeting_is_over_when_none_can_come(self) -> None:
        self.run_kernel()
        self.clock.advance(EARLY_TIME - GREETING_TIME / 4)
        self.ask()
        self.assertFalse(("shut down",) in self.took())
        self.clock.advance(GREETING_TIME / 4)
        self.assertIn(("shut down",), self.took())

    def test_end_of_the_daemon_ends_the_wait_for_a_greeting(self) -> None:
        self.ask()
        self.relay.end(SHUT_DOWN)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_without_restart_it_ends_the_daemon(self) -> None:
        self.run_kernel()
        self.greet()
        self.took()
        self.client("s", "shutdown_request", channel="control", session=OWNER)
        self.assertEqual(self.took(), [*self.answered(), ("shut down",)])


class OrderTests(OwnerCase):
    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()
        self.greet()
        self.took()

    def test_order_restarts_as_the_magic_does(self) -> None:
        """As %restart and %restart now do."""
        for now, said in ((False, "restart"), (True, "restart now")):
            self.order(now=now)
            self.assertEqual(self.took(), [*self.CARRIED_OUT, (said,), self.ANSWER])
            self.assertEqual(
                self.last_content("control"), {"status": "ok", "ignored": []}
            )

    def test_fields_may_be_left_out_and_others_added(self) -> None:
        self.order(later={"x": 1})
        self.assertEqual(self.took(), [*self.CARRIED_OUT, ("restart",), self.ANSWER])

    def test_nobody_elses_is_taken(self) -> None:
        for session in ("client", OWNER):
            self.order(session=session)
            self.assertIn("run %restart instead", self.refused())

    def test_none_is_taken_on_shell(self) -> None:
        self.client("o", "ipr_restart_request", identity=b"pro", session=LINE)
        self.assertEqual(self.took(), [("pro shell", "o", "ipr_restart_reply error")])

    def test_none_is_taken_on_the_way_out(self) -> None:
        self.decider.leaves = True
        self.order()
        self.assertEqual(self.refused(), "the daemon is ending")

    def test_nonsense_leaves_the_kernel_alone(self) -> None:
        for content, part in (
            ({"now": 1}, '"now" has to be true or false'),
            ({"now": None}, '"now" has to be'),
            ({"cwd": None}, '"cwd" has to be a path'),
            ({"env": []}, '"env" has to map names'),
            ({"env": {"A": 1}}, '"env" has to map names'),
            ({"env": {"A": "x", "B": ["x"]}}, '"env" has to map names'),
            (
                {"env": {f"A{n}": "" for n in range(10_001)}},
                "more than 10000 variables",
            ),
        ):
            self.order(**content)
            self.assertIn(part, self.refused())

    def test_content_that_is_none(self) -> None:
        """It is no order with nothing in it."""
        frames = self.client("x", "odd_request", channel="control", session=LINE)
        envelope = split(frames)
        head = {**envelope.header, "msg_id": "o", "msg_type": "ipr_restart_request"}
        body = self.signer.resign(envelope.body, header=head)
        body[5] = b"[]"
        body[1] = self.signer.sign(body[2:6])
        self.took()
        self.relay.inbound.received("control", [b"pro", *body])
        self.assertIn("content", self.refused())

    def test_wrong_variable_leaves_the_kernel_alone(self) -> None:
        self.changer.wrong = "'A=' cannot be the name of a variable"
        self.order(env={"A=": "1"})
        self.assertEqual(self.took()[0], ("follow", {"A=": "1"}, ""))
        self.assertEqual(self.last_content("control")["evalue"], self.changer.wrong)

    def test_missing_folder_is_named(self) -> None:
        self.order(cwd="/gone", env={"A": "1", "B": None})
        self.assertEqual(self.took(), [("follow", {"A": "1", "B": None}, "/gone")])
        self.execute("m1")
        self.assertEqual(self.took(), [("kernel 1 shell", "m1", "execute_request: 1")])
        self.changer.found("cwd")
        self.assertEqual(self.took(), [("follows",), ("restart",), self.ANSWER])
        self.assertEqual(
            self.last_content("control"), {"status": "ok", "ignored": ["cwd"]}
        )

    def test_later_order_takes_the_place_of_one_whose_folder_is_looked_for(
        self,
    ) -> None:
        self.order(cwd="/slow")
        self.order("o2")
        self.assertEqual(
            self.took(),
            [
                ("follow", {}, "/slow"),
                ("pro control", "o", "ipr_restart_reply error"),
                *self.CARRIED_OUT,
                ("restart",),
                ("pro control", "o2", "ipr_restart_reply ok"),
            ],
        )
        self.changer.found()
        self.assertEqual(self.took(), [])

    def test_end_of_the_daemon_answers_one_whose_folder_is_looked_for(self) -> None:
        self.order(cwd="/slow")
        self.took()
        self.relay.end(SHUT_DOWN)
        self.assertIn(("pro control", "o", "ipr_restart_reply error"), self.took())
        self.changer.found()
        self.assertEqual(self.took(), [])

    def test_daemon_that_begins_to_leave_meanwhile_refuses(self) -> None:
        self.order(cwd="/slow")
        self.took()
        self.decider.leaves = True
        self.changer.found()
        self.assertEqual(self.refused(), "the daemon is ending")

    def test_broken_restart_is_answered(self) -> None:
        def broken(pace: Pace) -> None:
            raise RuntimeError("broken")

        self.decider.restart = broken  # type: ignore[method-assign]  # a bug
        self.order()
        self.assertIn(("pro control", "o", "ipr_restart_reply error"), self.took())
        self.assertEqual(len(self.logged_errors(RuntimeError)), 1)


class DroppedTests(OwnerCase):
    """What waits for the kernel, or for another one, does not run after an order."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()
        self.greet()
        self.took()

    def order_done(self) -> Done:
        """Order; give what was done besides carrying it out."""
        self.took()
        self.order()
        done = self.took()
        self.assertEqual(done[:2], list(self.CARRIED_OUT))
        self.assertEqual(done[-2:], [("restart",), self.ANSWER])
        self.assertEqual(self.relay.gate.held, 0)
        return done[2:-2]

    def failed(self, msg_id: str) -> Done:
        return [
            ("iopub", msg_id, RESTARTED),
            *ended(msg_id, "execute_reply error 0"),
        ]

    def test_held_cells_are_aborted(self) -> None:
        """Those that other cells' errors do not stop fail."""
        self.relay.hold()
        self.execute("m1")
        self.execute("m2", stop_on_error=False)
        self.client("m3", "complete_request", code="x")
        self.assertEqual(
            self.order_done(),
            [
                *aborted("m1"),
                ("iopub", "m2", "busy"),
                ("iopub", "m2", "execute_input 0: 1"),
                *self.failed("m2"),
                ("iopub", "m3", "busy"),
                *ended("m3", "complete_reply ok"),
            ],
        )

    def test_restart_that_waits_fails(self) -> None:
        self.execute("m1")
        self.execute("r", "%restart\nx = 1")
        self.execute("m2")
        line = ("iopub", "r", "clear_output")
        self.assertEqual(self.order_done(), [line, *self.failed("r"), *aborted("m2")])
        self.assertIsNone(self.relay.restarts.waiting)
        self.relay.finish(1, ASKED)
        self.run_kernel(2)
        self.assertEqual(self.inner.bodies, [])

    def test_restart_whose_options_are_worked_out_fails(self) -> None:
        """And beside it another one; what comes of them changes nothing."""
        self.execute("m1")
        self.execute("r", "%restart --env A=1")
        self.execute("n", "%restart now --env A=1")
        self.assertEqual(self.order_done(), [*self.failed("r"), *self.failed("n")])
        self.changer.settle()
        self.changer.fail("no")
        self.assertEqual(self.took(), [])

    def test_restart_under_way_fails(self) -> None:
        self.execute("r", "%restart\nx = 1")
        self.execute("m2")
        self.assertEqual(self.order_done(), [*self.failed("r"), *aborted("m2")])
        self.relay.finish(1, ASKED)
        self.run_kernel(2)
        self.assertEqual(self.inner.bodies, [])

    def test_what_comes_after_the_order_is_held_for_the_next_kernel(self) -> None:
        self.order_done()
        self.execute("m1")
        self.assertEqual(self.took(), [])
        self.relay.finish(1, ASKED)
        self.open(2)
        self.answer_probe()
        self.relay.release(2)
        self.assertIn(("kernel 2 shell", "m1", "execute_request: 1"), self.took())

    def test_where_no_kernel_was_coming(self) -> None:
        self.relay.finish(1, DIED)
        self.relay.refuse(DIED)
        self.assertEqual(self.order_done(), [])
        self.execute("m1")
        self.assertEqual((self.took(), self.relay.gate.held), ([], 1))


class HoldTests(OwnerCase):
    """A client's input box is closed by shutdown_reply{restart: true} only."""

    FREED = ("iopub", "(shutdown_request)", "shutdown_reply ok")

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()
        self.greet()
        self.took()

    def held(self) -> bool:
        self.took()
        self.relay.hold()
        return self.FREED in self.took()

    def test_order_without_a_request_tells_them(self) -> None:
        self.order(now=True)
        self.assertTrue(self.held())

    def test_order_after_a_request_does_not_tell_them_twice(self) -> None:
        self.ask()
        self.order()
        self.assertFalse(self.held())

    def test_each_request_counts_for_one_order(self) -> None:
        self.ask()
        self.order()
        self.order("o2", now=True)
        self.assertTrue(self.held())

    def test_death_after_the_restart_tells_them_nothing(self) -> None:
        self.order(now=True)
        self.held()
        self.relay.finish(1, ASKED)
        self.run_kernel(2)
        self.assertFalse(self.held())

    def test_question_that_was_asked_after_the_request_is_freed(self) -> None:
        self.ask()
        self.execute("m1")
        self.kernel("stdin", "input_request", "m1", prompt="?")
        self.order()
        self.assertTrue(self.held())


class InterruptTests(OwnerCase):
    """A manager interrupts before each restart."""

    SIGINT = ("kernel 1", "SIGINT")
    ANSWERED = (
        ("iopub", "i", "busy"),
        ("ann control", "i", "interrupt_reply ok"),
        ("iopub", "i", "idle"),
    )

    def setUp(self) -> None:
        super().setUp()
        self.greet()
        self.open()
        self.took()

    def test_is_put_off_while_the_kernel_starts(self) -> None:
        """Its answer is not."""
        self.interrupt()
        self.assertEqual(self.took(), list(self.ANSWERED))
        self.clock.advance(PUT_OFF_TIME - 0.01)
        self.assertEqual(self.took(), [])
        self.clock.advance(0.02)
        self.assertIn(self.SIGINT, self.took())

    def test_sigint_to_the_daemon_is_put_off_too(self) -> None:
        """It comes from who started the daemon, where its kernelspec says signal."""
        self.relay.inbound.business.interrupt()
        self.assertEqual(self.took(), [])
        self.clock.advance(PUT_OFF_TIME)
        self.assertIn(self.SIGINT, self.took())

    def forgotten(self) -> None:
        self.clock.advance(PUT_OFF_TIME)
        self.assertFalse(self.SIGINT in self.took())

    def test_is_forgotten_when_a_request_follows(self) -> None:
        self.interrupt()
        self.ask()
        self.forgotten()

    def test_is_forgotten_when_an_order_follows(self) -> None:
        self.interrupt()
        self.order(now=True)
        self.forgotten()

    def test_is_forgotten_when_the_daemon_is_to_end(self) -> None:
        self.interrupt()
        self.client("s", "shutdown_request", channel="control", session=OWNER)
        self.forgotten()

    def test_nothing_is_left_at_the_end(self) -> None:
        self.relay.finish(1, DIED)
        self.run_kernel(2)
        self.relay.hold()
        self.interrupt()
        self.relay.end(SHUT_DOWN)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_does_not_meet_the_next_kernel(self) -> None:
        self.interrupt()
        self.relay.finish(1, DIED)
        self.open(2)
        self.took()
        self.clock.advance(PUT_OFF_TIME)
        self.assertFalse(("kernel 2", "SIGINT") in self.took())

    def test_refused_order_does_not_take_it_back(self) -> None:
        self.interrupt()
        self.order(now=7)
        self.took()
        self.clock.advance(PUT_OFF_TIME)
        self.assertIn(self.SIGINT, self.took())

    def test_of_anybody_else_goes_at_once(self) -> None:
        self.interrupt(session="client")
        self.assertEqual(self.took()[0], self.SIGINT)

    def test_goes_at_once_to_a_kernel_that_is_ready(self) -> None:
        self.answer_probe()
        self.relay.release(1)
        self.took()
        self.interrupt()
        self.assertEqual(self.took()[0], self.SIGINT)
