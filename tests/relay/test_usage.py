"""What a kernel says of memory, in a job that has a limit."""

from __future__ import annotations

from typing import Any

from ipr.kernel import memory
from ipr.kernel.memory import Usage
from ipr.relay.usage import FIELD, of_job
from tests.relay.relay_case import RelayCase

MIB = 1 << 20
#: As ipykernel says it, on a machine of 24 GiB.
REPLY = {
    "kernel_memory": 50 * MIB,
    "host_virtual_memory": {
        "total": 24576 * MIB,
        "available": 20000 * MIB,
        "percent": 18.6,
        "used": 4576 * MIB,
        "free": 1000 * MIB,
        "active": 3000 * MIB,
        "inactive": 19000 * MIB,
        "buffers": 100 * MIB,
    },
}
#: The same in a job that uses 75 of 300 MiB.
IN_JOB = {
    "kernel_memory": 50 * MIB,
    "host_virtual_memory": {
        "total": 300 * MIB,
        "available": 225 * MIB,
        "percent": 25.0,
        "used": 75 * MIB,
        "free": 225 * MIB,
        "active": 75 * MIB,
        "inactive": 0,
        "buffers": 100 * MIB,
    },
}


class OfJobTests(RelayCase):
    def test_limit_and_use_of_the_job_take_the_place_of_the_machines(self) -> None:
        self.assertEqual(of_job(REPLY, Usage(75 * MIB, 300 * MIB)), IN_JOB)

    def test_machine_that_has_less_than_the_limit_allows(self) -> None:
        scarce = {"host_virtual_memory": {"total": 1000 * MIB, "available": 10 * MIB}}
        self.assertEqual(
            of_job(scarce, Usage(75 * MIB, 300 * MIB)),
            {"host_virtual_memory": {"total": 300 * MIB, "available": 10 * MIB}},
        )

    def test_nonsense_of_the_kernel_is_no_number_of_ours(self) -> None:
        """JSON of Python's may hold what is no number."""
        for nonsense in (float("nan"), float("inf"), -1, "1", None):
            said = {"host_virtual_memory": {"total": 9, "available": nonsense}}
            in_job = {"host_virtual_memory": {"total": 4, "available": 3}}
            self.assertEqual(of_job(said, Usage(1, 4)), in_job)

    def test_unchanged_without_a_limit_that_counts(self) -> None:
        for usage in (None, Usage(1, None), Usage(1, 24576 * MIB)):
            self.assertTrue(of_job(REPLY, usage) is REPLY)

    def test_unchanged_where_the_kernel_does_not_speak_of_the_machine(self) -> None:
        contents: list[dict[str, Any]] = [{}, {FIELD: 3}, {FIELD: {}}]
        for content in contents:
            self.assertTrue(of_job(content, Usage(1, 300)) is content)


class RelayedTests(RelayCase):
    def ask(self, usage: Usage | None, **content: Any) -> list[Any]:
        """Have a client ask while a job uses so much; return the kernel's frames."""
        untyped: Any = self
        untyped.patch(memory, "job", lambda: usage)
        self.run_kernel()
        self.client("u1", "usage_request", channel="control")
        return self.kernel("control", "usage_reply", "u1", **content)

    def test_client_is_told_of_the_job(self) -> None:
        self.ask(Usage(75 * MIB, 300 * MIB), **REPLY)
        self.assertEqual(self.last_content("control"), IN_JOB)

    def test_kernel_without_an_answer_answers_as_ever(self) -> None:
        content = {"status": "error", "ename": "E", "evalue": "", "traceback": []}
        self.ask(Usage(75 * MIB, 300 * MIB), **content)
        self.assertEqual(self.last_content("control"), content)

    def test_frames_pass_as_they_are_without_a_limit(self) -> None:
        frames = self.ask(Usage(75 * MIB, None), **REPLY)
        self.assertEqual(self.front.frames[-1][1][-len(frames) :], frames)
