"""A kernel that waits: nothing of it reaches a client before it takes over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ipr.jupyter.messages import Draft
from ipr.kernel import loaded
from tests.fakes import FakeInner
from tests.relay.relay_case import ASKED, INFO, RelayCase
from tests.requests import body, header

#: What the standby says of itself.
THEIRS = {**INFO, "banner": "standby"}


class StandbyTests(RelayCase):
    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()
        self.told: list[Mapping[str, Any]] = []
        self.distrusted = 0
        self.standby = FakeInner(self.done, 0)
        self.expect(self.standby, loaded.question())
        self.addCleanup(self.relay.forget, self.standby)
        self.took()

    def expect(self, kernel: FakeInner, question: Draft | None) -> None:
        self.relay.expect(kernel, question, self.told.append, self._distrust)

    def _distrust(self) -> None:
        self.distrusted += 1

    def says(self, channel: str, kind: str, parent: str = "", **content: Any) -> None:
        """Have the standby say something, in a session of its own."""
        asked = self.standby.asked.get(parent)
        about = header(asked, parent) if asked else {}
        own = header(f"s-{kind}", kind) | {"session": "of the standby"}
        frames = body(own, content, about)
        topic = [b"topic"] if channel == "iopub" else []
        self.standby.received(channel, [*topic, *frames])

    def info(self) -> None:
        """Have it answer kernel_info."""
        asked = "kernel_info_request"
        self.says("iopub", "status", asked, execution_state="busy")
        self.says("shell", "kernel_info_reply", asked, **THEIRS)
        self.says("iopub", "status", asked, execution_state="idle")

    def test_nothing_of_it_reaches_a_client(self) -> None:
        self.says("iopub", "status", execution_state="starting")
        self.says("iopub", "stream", name="stdout", text="from a startup file")
        self.info()
        self.assertEqual(
            [what for what in self.took() if what[0] != "kernel 0 shell"], []
        )

    def test_is_asked_what_it_has_loaded_once_it_is_ready(self) -> None:
        self.info()
        self.assertEqual(
            self.took(), [("kernel 0 shell", "(execute_request)", "execute_request: ")]
        )
        self.says("shell", "execute_reply", "execute_request", status="ok", loaded=1)
        self.assertEqual(self.told, [{"status": "ok", "loaded": 1}])

    def test_one_of_another_language_is_asked_nothing(self) -> None:
        """It is ready at once: an execute_request might count as a cell there."""
        self.relay.forget(self.standby)
        self.standby = FakeInner(self.done, 0)
        self.expect(self.standby, None)
        self.addCleanup(self.relay.forget, self.standby)
        self.took()
        self.info()
        self.assertEqual(self.took(), [])
        self.assertEqual(self.told, [{}])

    def test_its_kernel_info_is_not_told_before_it_takes_over(self) -> None:
        self.info()
        self.assertEqual(self.relay.greetings.info.current().content, INFO)

    def test_ready_one_takes_over_at_once_with_its_session(self) -> None:
        self.info()
        self.says("shell", "execute_reply", "execute_request", status="ok")
        self.relay.finish(1, ASKED)
        self.took()
        self.standby.generation = 2
        self.relay.opened(self.standby)
        self.assertEqual(self.took(), [("ready", 2)])
        self.assertEqual(self.author.session, "of the standby")
        self.assertEqual(self.relay.greetings.info.current().content, THEIRS)

    def test_one_with_a_wrong_signature_is_told_of_once(self) -> None:
        for _ in range(2):
            frames = body(header("x", "status"), {})
            frames[1] = b"0" * 64
            self.standby.received("shell", frames)
        self.assertEqual(self.distrusted, 1)

    def test_one_that_was_forgotten_is_asked_no_more(self) -> None:
        self.relay.forget(self.standby)
        self.clock.advance(5)
        self.assertEqual(self.took(), [])
