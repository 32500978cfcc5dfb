"""Code that runs for ipr: what of it is kept, and when it is over."""

from __future__ import annotations

from typing import Any

from ipr.jupyter.author import Author
from ipr.jupyter.signing import Replays
from ipr.jupyter.wire import Envelope, split
from ipr.relay.errands import Errands
from ipr.relay.silently import IDLE_TIME, MOST, Outcome, Silently, plain
from tests.case import Case
from tests.fakes import Done, FakeInner
from tests.requests import SIGNER, body, header


class SilentlyTests(Case):
    def setUp(self) -> None:
        self.clock = self.make_clock()
        self.done: Done = []
        self.kernel = FakeInner(self.done)
        author = Author(SIGNER, lambda: "ipr-1", lambda: "now")
        self.errands = Errands(self.kernel, author, Replays())
        self.outcomes: list[Outcome] = []
        self.silently = Silently(
            self.errands, self.clock.callLater, "code", self.outcomes.append
        )
        self.addCleanup(self.silently.stop)

    def message(self, kind: str, content: dict[str, Any]) -> Envelope:
        parent = {"msg_id": self.kernel.asked["execute_request"]}
        return Envelope([], body(header("k", kind), content, parent))

    def publish(self, kind: str, **content: Any) -> None:
        self.assertTrue(self.errands.published(self.message(kind, content)))

    def reply(self, **content: Any) -> None:
        envelope = self.message("execute_reply", content)
        self.assertTrue(self.errands.answered(envelope.parent_id, envelope))

    def idle(self) -> None:
        self.publish("status", execution_state="idle")

    def test_nobody_sees_it_and_it_counts_as_no_cell(self) -> None:
        content = split(self.kernel.bodies[-1]).content
        self.assertEqual(content["code"], "code")
        self.assertTrue(content["silent"])
        self.assertFalse(content["store_history"])
        # An input() is an error there, and what waits is not aborted by one.
        self.assertFalse(content["allow_stdin"] or content["stop_on_error"])

    def test_over_with_reply_and_idle_in_either_order(self) -> None:
        self.publish("stream", name="stdout", text="a\n")
        self.reply(status="ok")
        self.assertEqual(self.outcomes, [])
        self.publish("stream", name="stderr", text="b\n")
        self.idle()
        self.assertEqual(self.outcomes, [Outcome("a\nb")])

    def test_idle_may_come_first(self) -> None:
        self.idle()
        self.assertEqual(self.outcomes, [])
        self.reply(status="ok")
        self.assertEqual(self.outcomes, [Outcome()])

    def test_over_without_idle_after_a_moment(self) -> None:
        self.reply(status="ok")
        self.clock.advance(IDLE_TIME)
        self.assertEqual(self.outcomes, [Outcome()])

    def test_error_with_its_traceback(self) -> None:
        red = "\x1b[31mboom\x1b[0m"
        self.reply(status="error", ename="E", evalue=red, traceback=["in f", red, 3])
        self.idle()
        self.assertEqual(self.outcomes, [Outcome("in f\nboom", "E: boom")])

    def test_error_without_words(self) -> None:
        self.reply(status="error")
        self.idle()
        self.assertEqual(self.outcomes, [Outcome("", "error: ")])

    def test_aborted_code_has_not_run(self) -> None:
        self.reply(status="aborted")
        self.idle()
        (outcome,) = self.outcomes
        self.assertTrue(outcome.aborted)

    def test_nothing_is_looked_at_any_more_when_it_is_over(self) -> None:
        """Until then, everything that the kernel publishes is."""
        self.assertEqual(len(self.errands.hearers), 1)
        self.reply(status="ok")
        self.idle()
        self.assertEqual(self.errands.hearers, {})

    def test_only_the_end_of_much_output_is_kept(self) -> None:
        for number in range(100):
            self.publish("stream", name="stdout", text=f"{number:04}" * 1000)
        self.publish("stream", name="stdout", text=[1])
        self.publish("display_data", data={})
        self.reply(status="ok")
        self.idle()
        (outcome,) = self.outcomes
        self.assertEqual(len(outcome.output), MOST)
        self.assertTrue(outcome.output.endswith("0099"))

    def test_stopped_nobody_is_told(self) -> None:
        self.silently.stop()
        self.reply(status="ok")
        self.idle()
        self.clock.advance(IDLE_TIME)
        self.assertEqual(self.outcomes, [])


class PlainTests(Case):
    def test_bar_of_progress_is_its_last_state(self) -> None:
        self.assertEqual(plain("0 %\r50 %\r100 %\nx\r\n"), "100 %\nx\n")

    def test_colours_titles_and_bells_are_left_out(self) -> None:
        self.assertEqual(plain("\x1b[1;31ma\x1b[0m\x1b]0;t\x07b\x07\tc"), "ab\tc")
