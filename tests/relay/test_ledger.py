"""The ledger: what is open, what was seen of it, and nothing counted twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from ipr.jupyter.wire import Envelope
from ipr.relay import ledger as ledger_module
from ipr.relay.ledger import MANY_OPEN, REMEMBERED, Ledger
from ipr.relay.request import Request
from tests.case import Case
from tests.requests import body, header, request


class LedgerTests(Case):
    def setUp(self) -> None:
        self.ledger = Ledger()

    def entered(self, msg_id: str, kind: str = "execute_request") -> Request:
        made = request(msg_id, kind)
        self.ledger.enter(made)
        return made

    def test_finds_what_is_open(self) -> None:
        """A request is found by its msg_id, and nothing else is."""
        made = self.entered("m1")
        self.assertIs(self.ledger.find("m1"), made)
        self.assertIs(self.ledger.find("m2"), None)

    def test_reply_then_idle_finishes(self) -> None:
        """Reply and idle, in this order, finish a request."""
        made = self.entered("m1")
        self.assertEqual(
            [
                self.ledger.busy(made),
                self.ledger.replied(made),
                len(self.ledger),
                self.ledger.idled(made),
                len(self.ledger),
            ],
            [True, True, 1, True, 0],
        )

    def test_idle_then_reply_finishes(self) -> None:
        """They come on two sockets, so the idle may be read first."""
        made = self.entered("m1")
        self.assertEqual(
            [
                self.ledger.idled(made),
                len(self.ledger),
                self.ledger.replied(made),
                len(self.ledger),
            ],
            [True, 1, True, 0],
        )

    def test_idle_finishes_what_wants_no_reply(self) -> None:
        """A comm_msg is finished by its idle."""
        made = self.entered("m1", "comm_msg")
        self.assertTrue(self.ledger.idled(made))
        self.assertEqual((made.finished, len(self.ledger)), (True, 0))

    def test_second_ones_are_not_sent(self) -> None:
        """A second reply or idle, or a busy after the idle, goes no further."""
        made = self.entered("m1")
        self.ledger.replied(made)
        self.ledger.idled(made)
        self.assertEqual(
            [
                self.ledger.replied(made),
                self.ledger.idled(made),
                self.ledger.busy(made),
            ],
            [False, False, False],
        )

    def test_finished_request_is_still_found(self) -> None:
        """A finished request is still found; its content is given up."""
        made = request("m1", code="x" * 1000)
        self.ledger.enter(made)
        self.ledger.close(made)
        self.assertIs(self.ledger.find("m1"), made)
        self.assertEqual(made.content, {})

    def test_finished_ones_are_forgotten_in_the_end(self) -> None:
        """Only so many are remembered; those that finished first go first."""
        for number in range(REMEMBERED + 1):
            self.ledger.close(self.entered(str(number)))
        self.assertIs(self.ledger.find("0"), None)
        self.assertEqual(
            [self.ledger.find(str(n)) is None for n in (1, REMEMBERED)], [False, False]
        )

    def test_an_id_that_comes_again_is_remembered_longer(self) -> None:
        """Who finished last is forgotten last."""
        self.ledger.close(self.entered("again"))
        for number in range(REMEMBERED - 1):
            self.ledger.close(self.entered(str(number)))
        self.ledger.close(self.entered("again"))
        self.ledger.close(self.entered("one more"))
        self.assertFalse(self.ledger.find("again") is None)
        self.assertIs(self.ledger.find("0"), None)

    def test_unfinished_is_in_order_of_arrival(self) -> None:
        """Those left, oldest first."""
        made = [self.entered(f"m{number}") for number in range(4)]
        self.ledger.close(made[2])
        self.assertEqual(self.ledger.unfinished(), [made[0], made[1], made[3]])

    def test_close_is_all_that_was_missing(self) -> None:
        """After close nothing of the inner kernel's may follow."""
        made = self.entered("m1")
        self.ledger.close(made)
        self.assertEqual(
            (made.progress.reply, made.progress.status, len(self.ledger)),
            ("sent", "idle", 0),
        )
        self.assertEqual(
            [
                self.ledger.replied(made),
                self.ledger.idled(made),
                self.ledger.busy(made),
            ],
            [False, False, False],
        )


class OverdueTests(Case):
    """A cell may end without a reply."""

    def setUp(self) -> None:
        self.ledger = Ledger()
        self.cells = [request("m1"), request("m2")]
        for cell in self.cells:
            self.ledger.enter(cell)

    def test_none_is_overdue_while_one_runs(self) -> None:
        self.ledger.idled(self.cells[0])
        self.assertEqual(self.ledger.replies_overdue(), [])

    def test_all_are_overdue_when_all_have_said_idle(self) -> None:
        for cell in self.cells:
            self.ledger.idled(cell)
        self.assertEqual(self.ledger.replies_overdue(), self.cells)

    def test_a_reply_that_came_is_not_given_up(self) -> None:
        cell = self.cells[0]
        self.ledger.replied(cell)
        self.ledger.give_up(cell)
        self.assertEqual(cell.progress.reply, "sent")
        self.assertEqual(self.ledger.executing, 1)


class PresumedTests(Case):
    """A kernel that dies at once takes its busy with it."""

    def setUp(self) -> None:
        self.ledger = Ledger()

    def enter(self, *requests: Request) -> None:
        for made in requests:
            self.ledger.enter(made)

    def test_first_of_each_shell(self) -> None:
        """The oldest open cell of each shell is the one that ran."""
        cells = [request("m1"), request("m2"), request("m3", channel="control")]
        sub = request("m4")
        sub.header["subshell_id"] = "s1"
        subs_second = request("m5")
        subs_second.header["subshell_id"] = "s1"
        self.enter(*cells, sub, subs_second)
        self.ledger.presume_started()
        self.assertEqual(
            [made.progress.code == "started" for made in (*cells, sub, subs_second)],
            [True, False, True, True, False],
        )

    def test_not_one_that_had_its_reply(self) -> None:
        """Nor anything that is no cell."""
        done, other = request("m1"), request("m2", "complete_request")
        cell = request("m4")
        self.enter(done, other, cell)
        self.ledger.replied(done)
        self.ledger.presume_started()
        self.assertEqual(
            [made.progress.code == "started" for made in (done, other, cell)],
            [False, False, True],
        )


class ManyTests(Case):
    """Thousands of open requests: none is lost that the kernel answers."""

    def setUp(self) -> None:
        self.ledger = Ledger()

    def enter(self, *requests: Request) -> list[Request]:
        for made in requests:
            self.ledger.enter(made)
        return list(requests)

    def finish(self, made: Request) -> None:
        self.ledger.replied(made)
        self.ledger.idled(made)

    def test_behind_a_running_cell(self) -> None:
        """They are all still there when the cell ends, in their order."""
        (cell,) = self.enter(request("cell"))
        self.ledger.busy(cell)
        asked = self.enter(
            *(request(str(n), "complete_request") for n in range(3 * MANY_OPEN))
        )
        self.finish(cell)
        self.assertEqual(self.ledger.unfinished(), asked)
        for made in asked:
            self.assertIs(self.ledger.find(made.msg_id), made)
            self.finish(made)
        self.assertEqual(len(self.ledger), 0)

    @pytest.mark.slow
    def test_sent_faster_than_answered(self) -> None:
        """A kernel that lags behind by thousands answers in order."""
        total, lag = 5 * MANY_OPEN, 2 * MANY_OPEN
        asked = [request(str(n), "comm_info_request") for n in range(total)]
        for number in range(total + lag):
            if number < total:
                self.ledger.enter(asked[number])
            if number >= lag:
                made = asked[number - lag]
                self.assertIs(self.ledger.find(made.msg_id), made)
                self.assertEqual(made.progress.reply, "due")
                self.finish(made)
        self.assertEqual(len(self.ledger), 0)

    def test_running_beside_the_others(self) -> None:
        """What has said busy is not passed over: some kernels run many at a time."""
        (slow,) = self.enter(request("slow"))
        self.ledger.busy(slow)
        self.finish(*self.enter(request("done")))
        self.enter(*(request(str(n)) for n in range(2 * MANY_OPEN)))
        self.finish(self.ledger.unfinished()[-1])
        self.enter(*(request(f"more {n}") for n in range(2 * MANY_OPEN)))
        self.assertIs(self.ledger.unfinished()[0], slow)

    @pytest.mark.slow
    def test_never_answered(self) -> None:
        """What a client polls for does not pile up: the kernel has passed it over."""
        for number in range(5 * MANY_OPEN):
            (poll,) = self.enter(request(f"poll {number}", "history_request"))
            self.ledger.busy(poll)
            self.finish(*self.enter(request(f"cell {number}")))
        self.assertLess(len(self.ledger), MANY_OPEN + 10)

    def test_late_answer_to_what_was_given_up(self) -> None:
        """It still finds its client, as an answer and only once."""
        self.enter(
            *(request(str(n), "history_request") for n in range(MANY_OPEN)),
        )
        self.finish(*self.enter(request("cell")))
        self.enter(request("another"))
        # It was looked at by then, other than the first two.
        found = self.ledger.find("2")
        assert found is not None
        self.assertEqual(found.progress.reply, "overdue")
        self.assertEqual(
            [self.ledger.replied(found), self.ledger.replied(found)], [True, False]
        )


class Watched(Request):
    """One that counts whenever anybody looks at a request."""

    looks = 0

    def __getattribute__(self, name: str) -> Any:
        Watched.looks += 1
        return super().__getattribute__(name)


def watched(msg_id: str, **more: Any) -> Watched:
    made = request(msg_id, **more)
    names = ("channel", "identities", "header", "header_frame", "content_frame")
    return Watched(*(getattr(made, name) for name in names))


class CostTests(Case):
    """One more request costs the same, however many are open."""

    def looks(self, already: int) -> list[int]:
        """Count the looks at requests that each step takes behind so many."""
        ledger = Ledger()
        for number in range(already):
            # Of these the replies are missing: they are open, and do not run.
            without = watched(f"open {number}")
            ledger.enter(without)
            ledger.idled(without)
        running = watched("running")
        ledger.enter(running)
        ledger.busy(running)
        one = watched("one")
        reply = Envelope([], body(header("k", "x"), {}, one.header))
        steps: list[Callable[[], object]] = [
            lambda: ledger.enter(one),
            lambda: ledger.parent(reply, "shell"),
            lambda: ledger.find("one"),
            lambda: ledger.silent,
            ledger.replies_overdue,
            lambda: ledger.busy(one),
            lambda: ledger.input_asked(one, "q"),
            lambda: ledger.input_given("", [b"nobody"]),
            lambda: ledger.replied(one),
            lambda: ledger.idled(one),
            lambda: len(ledger),
            lambda: ledger.enter(watched("next")),
            lambda: ledger.close(running),
        ]
        counts = []
        for step in steps:
            before = Watched.looks
            step()
            counts.append(Watched.looks - before)
        return counts

    def test_one_more_costs_the_same_however_many_are_open(self) -> None:
        """Below and above the number from which the oldest are looked at."""
        with mock.patch.object(ledger_module, "MANY_OPEN", 50):
            none, few, many = self.looks(0), self.looks(100), self.looks(1000)
        self.assertEqual(few, many)
        self.assertLess(max(many), max(none) + 50)


class NamesakesTests(Case):
    """Several open requests of one id: each gets its own answer."""

    def setUp(self) -> None:
        self.ledger = Ledger()

    def entered(self, kind: str = "execute_request", **more: Any) -> Request:
        session = more.pop("session", "client")
        made = request("1", kind, **more)
        made.header["session"] = session
        self.ledger.enter(made)
        return made

    def parent(self, of: Request, channel: str = "") -> Request | None:
        frames = body(header("k", "x"), {}, of.header)
        return self.ledger.parent(Envelope([], frames), channel)

    def test_a_parent_header_that_is_none_means_the_oldest(self) -> None:
        first, _ = self.entered(session="ann"), self.entered(session="bob")
        frames = body(header("k", "x"), {}, {"msg_id": "1"})
        frames[3] = b'["msg_id": "1"]'
        self.assertIs(self.ledger.parent(Envelope([], frames)), first)

    def test_one_that_is_closed_again_takes_none_along(self) -> None:
        done = self.entered()
        self.ledger.close(done)
        self.ledger.close(done)
        self.assertEqual(len(self.ledger), 0)
        left = [self.entered(), self.entered()]
        self.ledger.close(done)
        self.assertEqual(self.ledger.unfinished(), left)

    def test_two_clients(self) -> None:
        """Their sessions tell them apart, whoever is answered first."""
        ann, bob = self.entered(session="ann"), self.entered(session="bob")
        self.assertEqual((len(self.ledger), self.ledger.executing), (2, 2))
        for made in (bob, ann):
            self.assertIs(self.parent(made), made)
            self.assertIs(self.parent(made, "shell"), made)

    def test_interrupt_of_the_cell_with_its_id(self) -> None:
        """As jupyter_client's manager and its client number their messages."""
        cell = self.entered()
        interrupt = self.entered("interrupt_request", channel="control")
        self.ledger.busy(cell)
        self.assertIs(self.parent(interrupt), interrupt)
        self.assertIs(self.parent(interrupt, "control"), interrupt)
        self.assertIs(self.parent(cell), cell)

    def test_one_on_each_channel(self) -> None:
        """A reply comes on the channel of its request."""
        shell, control = self.entered(), self.entered(channel="control")
        self.assertIs(self.parent(shell, "control"), control)
        self.assertIs(self.parent(shell, "shell"), shell)

    def test_the_same_all_over(self) -> None:
        """The kernel answers in order."""
        first, second = self.entered(), self.entered()
        for made in (first, second):
            self.assertIs(self.parent(second), made)
            self.ledger.busy(made)
            self.assertIs(self.parent(second, "shell"), made)
            self.ledger.replied(made)
            self.assertIs(self.parent(second), made)
            self.ledger.idled(made)
        self.assertEqual((len(self.ledger), self.ledger.executing), (0, 0))

    def test_two_replies_before_the_idles(self) -> None:
        """They come on two sockets."""
        first, second = self.entered(), self.entered()
        self.ledger.busy(first)
        for made in (first, second):
            self.assertIs(self.parent(made, "shell"), made)
            self.ledger.replied(made)
        self.assertIs(self.parent(first), first)

    def test_all_of_them_are_left(self) -> None:
        """When the kernel dies each is answered, in their order."""
        made = [self.entered() for _ in range(3)]
        other = request("2")
        self.ledger.enter(other)
        self.ledger.close(made[0])
        self.assertEqual(self.ledger.unfinished(), [*made[1:], other])
        self.ledger.close(made[2])
        self.assertEqual(self.ledger.unfinished(), [made[1], other])


class ExecutingTests(Case):
    """What a %restart that takes its turn waits for."""

    def setUp(self) -> None:
        self.ledger = Ledger()

    def test_counts_cells_without_reply(self) -> None:
        """Cells count until their reply, not until their idle."""
        first, second = request("m1"), request("m2")
        self.ledger.enter(first)
        self.ledger.enter(second)
        counts = [self.ledger.executing]
        self.ledger.replied(first)
        counts.append(self.ledger.executing)
        self.ledger.idled(first)
        self.ledger.idled(second)
        counts.append(self.ledger.executing)
        self.ledger.replied(second)
        counts.append(self.ledger.executing)
        self.assertEqual(counts, [2, 1, 1, 0])

    def test_counts_nothing_else(self) -> None:
        """Completions, comms, and cells on control are not waited for."""
        self.ledger.enter(request("m1", "complete_request"))
        self.ledger.enter(request("m2", "comm_msg"))
        self.ledger.enter(request("m3", "execute_request", channel="control"))
        self.assertEqual(self.ledger.executing, 0)

    def test_a_second_reply_does_not_count(self) -> None:
        """A doubled reply must not let a restart go before its turn."""
        first, second = request("m1"), request("m2")
        self.ledger.enter(first)
        self.ledger.enter(second)
        self.ledger.replied(first)
        self.ledger.replied(first)
        self.assertEqual(self.ledger.executing, 1)

    def test_close_counts_once(self) -> None:
        """Closing a cell that had its reply does not count it again."""
        first, second = request("m1"), request("m2")
        self.ledger.enter(first)
        self.ledger.enter(second)
        self.ledger.replied(first)
        self.ledger.close(first)
        counts = [self.ledger.executing]
        self.ledger.close(second)
        counts.append(self.ledger.executing)
        self.assertEqual(counts, [1, 0])

    def test_an_id_used_again_after_it_was_finished(self) -> None:
        """The new request is the one that answers go to."""
        first, second = request("m1"), request("m1")
        self.ledger.enter(first)
        self.ledger.close(first)
        self.ledger.enter(second)
        self.assertIs(self.ledger.find("m1"), second)
        self.assertEqual(self.ledger.executing, 1)


class InputTests(Case):
    """Which question of input() is open."""

    def setUp(self) -> None:
        self.ledger = Ledger()
        self.cell = request("m1")
        self.ledger.enter(self.cell)

    def test_cell_that_asks_has_started(self) -> None:
        """A cell that asks has started."""
        self.ledger.input_asked(self.cell, "q1")
        self.assertEqual(self.ledger.inputs, {"q1": self.cell})
        self.assertEqual(self.cell.progress.code, "started")

    def test_answer_closes_the_question_it_names(self) -> None:
        """An answer closes the question that it names."""
        self.ledger.input_asked(self.cell, "q1")
        self.ledger.input_asked(self.cell, "q2")
        self.assertTrue(self.ledger.input_given("q1", []))
        self.assertEqual(self.ledger.inputs, {"q2": self.cell})

    def test_given_without_parent(self) -> None:
        """As jupyter_client does: to the oldest question that this client has."""
        other = request("m2")
        other.identities = [b"bob"]
        self.ledger.enter(other)
        self.ledger.input_asked(self.cell, "q1")
        self.ledger.input_asked(other, "q2")
        self.ledger.input_asked(other, "q3")
        for identity, left in (
            (b"bob", ["q1", "q3"]),
            (b"somebody else", ["q3"]),
            (b"bob", []),
        ):
            self.assertTrue(self.ledger.input_given("", [identity]))
            self.assertEqual(list(self.ledger.inputs), left)
        self.assertFalse(self.ledger.input_given("", [b"bob"]))

    def test_given_with_the_cell_as_parent(self) -> None:
        """ipykernel takes what comes; so do we."""
        self.ledger.input_asked(self.cell, "q1")
        self.assertTrue(self.ledger.input_given(self.cell.msg_id, []))
        self.assertEqual(self.ledger.inputs, {})

    def test_given_with_another_parent(self) -> None:
        """Kernels take the next answer that comes, whatever it names."""
        self.ledger.input_asked(self.cell, "q1")
        self.assertTrue(self.ledger.input_given("q0", self.cell.identities))
        self.assertFalse(self.ledger.input_given("q0", self.cell.identities))

    def test_gone_with_the_cell(self) -> None:
        """A reply, or ipr's own answer, ends the question too."""
        self.ledger.input_asked(self.cell, "q1")
        self.ledger.replied(self.cell)
        self.assertEqual(self.ledger.inputs, {})
        other = request("m2")
        self.ledger.enter(other)
        self.ledger.input_asked(other, "q2")
        self.ledger.close(other)
        self.assertEqual(self.ledger.inputs, {})

    def test_gone_with_the_idle(self) -> None:
        """What wants no reply, a widget's message, ends with its idle."""
        widget = request("m2", "comm_msg")
        self.ledger.enter(widget)
        self.ledger.input_asked(widget, "q2")
        self.ledger.idled(widget)
        self.assertEqual(self.ledger.inputs, {})
