"""The vocabulary: what ipr's own messages contain."""

from __future__ import annotations

from ipr.jupyter import magics, messages
from ipr.jupyter.messages import Draft, Failure
from tests.case import Case

OOPS = Failure("Oops", "it broke", ("line 1", "line 2"))


class MessagesTests(Case):
    def test_reply_type(self) -> None:
        """Each request has its reply; what is none gets one all the same."""
        self.assertEqual(
            [messages.reply_type(t) for t in ("execute_request", "x_request", "odd")],
            ["execute_reply", "x_reply", "odd_reply"],
        )

    def test_busy_and_idle_are_ready_made(self) -> None:
        """Busy and idle are ready made."""
        self.assertEqual(messages.BUSY, Draft("status", {"execution_state": "busy"}))
        self.assertEqual(messages.IDLE, Draft("status", {"execution_state": "idle"}))

    def test_execute_input(self) -> None:
        """It carries the code and the count."""
        self.assertEqual(
            messages.execute_input("1+1", 3),
            Draft("execute_input", {"code": "1+1", "execution_count": 3}),
        )

    def test_text_goes_to_stdout_by_default(self) -> None:
        """Text goes to stdout unless said otherwise."""
        self.assertEqual(
            [messages.stream("t"), messages.stream("t", "stderr")],
            [
                Draft("stream", {"name": "stdout", "text": "t"}),
                Draft("stream", {"name": "stderr", "text": "t"}),
            ],
        )

    def test_display_is_updated_under_its_id(self) -> None:
        """A display is shown first, and then written again under the same id."""
        data = {"text/plain": "t"}
        content = {"data": data, "metadata": {}, "transient": {"display_id": "d"}}
        self.assertEqual(
            [messages.display(data, "d"), messages.display(data, "d", update=True)],
            [Draft("display_data", content), Draft("update_display_data", content)],
        )

    def test_failure_with_traceback(self) -> None:
        """The traceback is what clients show."""
        self.assertEqual(
            OOPS.content(),
            {"ename": "Oops", "evalue": "it broke", "traceback": ["line 1", "line 2"]},
        )

    def test_failure_without_traceback(self) -> None:
        """A client that shows only the traceback must find the sentence there."""
        self.assertEqual(
            Failure("Oops", "it broke").content()["traceback"], ["Oops: it broke"]
        )

    def test_error_on_iopub_has_no_status(self) -> None:
        """On iopub an error has no status."""
        self.assertEqual(messages.error(OOPS), Draft("error", OOPS.content()))

    def test_execute_replies(self) -> None:
        """Every one has a count, for consoles, but for cells that were not run."""
        self.assertEqual(
            [
                messages.execute_ok(3),
                messages.execute_error(OOPS, 4),
                messages.execute_aborted(),
            ],
            [
                Draft(
                    "execute_reply",
                    {
                        "status": "ok",
                        "execution_count": 3,
                        "user_expressions": {},
                        "payload": [],
                    },
                ),
                Draft(
                    "execute_reply",
                    {
                        "status": "error",
                        "ename": "Oops",
                        "evalue": "it broke",
                        "traceback": ["line 1", "line 2"],
                        "execution_count": 4,
                        "user_expressions": {},
                        "payload": [],
                    },
                ),
                Draft(
                    "execute_reply",
                    {"status": "aborted"},
                    {"status": "aborted"},
                ),
            ],
        )

    def test_replies_of_any_type(self) -> None:
        """Error and ok replies are named after their request."""
        self.assertEqual(
            [
                messages.error_reply("x_request", OOPS),
                messages.ok_reply("history_request", history=[]),
            ],
            [
                Draft("x_reply", {"status": "error", **OOPS.content()}),
                Draft("history_reply", {"status": "ok", "history": []}),
            ],
        )

    def test_the_rest(self) -> None:
        """shutdown_reply, comm_close and iopub_welcome."""
        self.assertEqual(
            [
                messages.shutdown_reply(restart=True),
                messages.comm_close("c1"),
                messages.iopub_welcome("topic"),
            ],
            [
                Draft("shutdown_reply", {"status": "ok", "restart": True}),
                Draft("comm_close", {"comm_id": "c1", "data": {}}),
                Draft("iopub_welcome", {"subscription": "topic"}),
            ],
        )

    def test_kernel_info(self) -> None:
        """A made-up kernel_info_reply has every field that some client needs."""
        self.assertEqual(
            messages.kernel_info(version="1.0", language="python", banner="b").content,
            {
                "status": "ok",
                "protocol_version": "5.3",
                "implementation": "ipr",
                "implementation_version": "1.0",
                "language_info": {
                    "name": "python",
                    "version": "",
                    "mimetype": "text/plain",
                    "file_extension": ".py",
                },
                "banner": "b",
                "help_links": [],
            },
        )

    def test_kernel_info_of_an_unknown_language(self) -> None:
        """A language has a name even when nobody knows it."""
        info = messages.kernel_info(version="1", language="", banner="").content
        self.assertEqual(
            (info["language_info"]["name"], info["language_info"]["file_extension"]),
            ("unknown", ".txt"),
        )

    def test_usage_error_breaks_no_word(self) -> None:
        """A notebook breaks longer lines anywhere, in the middle of a word."""
        text = f"%ipr: unknown command 'fly'. {magics.IPR_USAGE}"
        shown = messages.usage_error(text).content()
        self.assertEqual(shown["evalue"], text)
        lines = shown["traceback"]
        self.assertLessEqual(max(map(len, lines)), 79)
        self.assertEqual(" ".join(map(str.strip, lines)), f"UsageError: {text}")
