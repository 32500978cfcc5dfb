"""What ipr asks a kernel itself, and who takes the answer."""

from __future__ import annotations

from ipr.jupyter.author import Author
from ipr.jupyter.messages import Draft
from ipr.jupyter.signing import Replays
from ipr.jupyter.wire import Envelope
from ipr.relay.errands import Errands
from tests.case import Case
from tests.fakes import Done, FakeInner
from tests.requests import SIGNER, body, header


class ErrandsTests(Case):
    def setUp(self) -> None:
        self.done: Done = []
        self.kernel = FakeInner(self.done)
        ids = iter(f"ipr-{number}" for number in range(99))
        author = Author(SIGNER, lambda: next(ids), lambda: "now")
        self.errands = Errands(self.kernel, author, Replays())
        self.taken: list[Envelope] = []

    def answer(self, msg_id: str) -> bool:
        reply = Envelope([], body(header("k", "x_reply"), {}, {"msg_id": msg_id}))
        return self.errands.answered(msg_id, reply)

    def test_answer_goes_to_whoever_asked(self) -> None:
        """Whoever asked gets it; what else it says is known to be ours as well."""
        self.errands.ask("shell", Draft("x_request", {}), self.taken.append)
        msg_id = self.kernel.asked["x_request"]
        self.assertEqual(self.done, [("kernel 1 shell", "(x_request)", "x_request")])
        self.assertTrue(msg_id in self.errands)
        self.assertTrue(self.answer(msg_id))
        self.assertEqual(len(self.taken), 1)
        self.assertTrue(msg_id in self.errands)

    def test_nobody_wants_the_answer(self) -> None:
        """It reaches no client all the same."""
        self.errands.ask("control", Draft("x_request", {}))
        self.assertTrue(self.answer(self.kernel.asked["x_request"]))

    def test_what_is_published_for_it_goes_to_whoever_hears_it(self) -> None:
        self.errands.ask("shell", Draft("x_request", {}), hear=self.taken.append)
        msg_id = self.kernel.asked["x_request"]
        for parent in (msg_id, "m1"):
            about = Envelope([], body(header("k", "stream"), {}, {"msg_id": parent}))
            self.assertEqual(self.errands.published(about), parent == msg_id)
        self.assertEqual([one.parent_id for one in self.taken], [msg_id])

    def test_a_clients_own(self) -> None:
        """That is none of ours."""
        self.assertFalse(self.answer("m1"))
        self.assertEqual((len(self.errands), "m1" in self.errands), (0, False))
