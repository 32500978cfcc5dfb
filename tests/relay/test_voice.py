"""What ipr says itself: numbers, signatures, topics."""

from __future__ import annotations

import attrs

from ipr.jupyter.wire import split
from tests.relay.relay_case import (
    ASKED,
    DIED,
    RelayCase,
    ended,
)
from tests.requests import SIGNER


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

    def test_console_begins_with_one_again(self) -> None:
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


class PromptTests(RelayCase):
    """What a console's prompt goes by, after a death."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()
        self.execute("m1", "os.abort()")
        self.start_cell("m1", 5)
        self.execute("m2", "os.abort()", identity=b"lab", cell=True)
        self.took()

    def test_console_begins_with_one_again_after_a_death(self) -> None:
        """When another kernel follows; a notebook's cell keeps its number."""
        self.relay.finish(1, attrs.evolve(DIED, followed=True))
        took = self.took()
        self.assertIn(("ann shell", "m1", "execute_reply error 0"), took)

    def test_console_goes_on_where_no_kernel_follows(self) -> None:
        """The kernel that is dead is still the one it talks to."""
        self.relay.finish(1, attrs.evolve(DIED, followed=False))
        self.assertIn(("ann shell", "m1", "execute_reply error 5"), self.took())

    def test_notebook_keeps_its_number(self) -> None:
        """0 would be a cell that was not run."""
        self.kernel("shell", "execute_reply", "m1", status="ok", execution_count=5)
        self.start_cell("m2", 6)
        self.relay.finish(1, attrs.evolve(DIED, followed=True))
        self.assertIn(("lab shell", "m2", "execute_reply error 6"), self.took())


class LeavingTests(RelayCase):
    """A console without a kernel can be left."""

    def setUp(self) -> None:
        super().setUp()
        self.relay.refuse(DIED)
        self.took()

    def test_exit_leaves_a_console_whose_kernel_is_dead(self) -> None:
        for code in ("exit", "quit()\n", "q()"):
            self.execute("m1", code)
            self.assertEqual(
                self.took(),
                [("iopub", "m1", "busy"), *ended("m1", "execute_reply ok 0")],
            )
            self.assertEqual(
                self.last_content("shell")["payload"],
                [{"source": "ask_exit", "keepkernel": False}],
            )

    def test_exit_in_a_notebook_is_refused_as_any_cell(self) -> None:
        """nbclient and papermill must not take it for a success."""
        self.execute("m1", "exit", identity=b"lab", cell=True)
        self.execute("m2", "exit", identity=b"nbclient")
        replies = [line for line in self.took() if line[0].endswith("shell")]
        self.assertEqual(
            replies,
            [
                ("lab shell", "m1", "execute_reply error 1"),
                ("nbclient shell", "m2", "execute_reply error 0"),
            ],
        )

    def test_word_that_is_no_cell_leaves_nothing(self) -> None:
        self.client("m1", "is_complete_request", code="exit")
        self.assertIn(("ann shell", "m1", "is_complete_reply unknown"), self.took())


class OwnMessagesTests(RelayCase):
    def test_signed_and_in_session(self) -> None:
        """What ipr says is signed, in the kernel's session, with an id of its own."""
        self.run_kernel()
        self.execute("m1", "%restart")
        self.relay.hold()
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

    def test_own_messages_have_the_topics_of_ipykernel(self) -> None:
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

    def test_tracing_changes_nothing_of_what_passes(self) -> None:
        """Tracing changes nothing of what passes."""
        self.run_kernel()
        self.relay.inbound.trace.on = True
        frames = self.execute("m1")
        self.kernel("shell", "execute_reply", "m1", status="ok", execution_count=1)
        self.inner.received("shell", [b"garbage"])
        self.assertEqual(self.inner.bodies, [frames[1:]])
        self.assertEqual(len(self.took()), 2)
