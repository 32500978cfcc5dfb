"""jupyter_kernel_test, the kernel authors' own test suite, run against a plain and a
wrapped ipykernel: the same results, test by test and sub-test by sub-test.
"""

from __future__ import annotations

import sys
import unittest
from typing import Any

import jupyter_kernel_test
import pytest

from tests.e2e import harness

pytestmark = pytest.mark.slow


class Samples(jupyter_kernel_test.KernelTests):  # type: ignore[misc]
    """Every optional sample of the suite, for Python."""

    __test__ = False
    place: harness.Place
    kind: harness.Kind
    kernel: harness.Kernel

    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('oops', file=sys.stderr)"
    completion_samples = (
        {"text": "zi", "matches": {"zip"}},
        {"text": "import ran", "matches": {"random"}},
        {"text": "'é'.capit", "matches": {"capitalize"}},
        {"text": "nothing_begins_like_this"},
    )
    complete_code_samples = ("1", "print('hello')", "def f(x):\n  return x*2\n\n")
    incomplete_code_samples = ("print('''hello", "def f(x):\n  x*2")
    invalid_code_samples = ("import = 7q", "1 +* 2")
    code_page_something = "zip?"
    code_generate_error = "raise RuntimeError('as asked')"
    code_execute_result = (
        {"code": "1+2+3", "result": "6"},
        {"code": "[n*n for n in range(1, 4)]", "result": "[1, 4, 9]"},
        {"code": "'a' * 3", "result": "'aaa'"},
    )
    code_display_data = (
        {
            "code": "from IPython.display import HTML, display; display(HTML('<b>'))",
            "mime": "text/html",
        },
        {
            "code": "from IPython.display import Math, display; display(Math('1'))",
            "mime": "text/latex",
        },
    )
    code_history_pattern = "1?2*"
    # Not "range": ipykernel itself answers session 0 for the current one.
    supported_history_operations = ("tail", "search")
    code_inspect_sample = "zip"
    code_clear_output = "from IPython.display import clear_output; clear_output()"

    @classmethod
    def setUpClass(cls) -> None:
        cls.kernel = cls.place.start(cls.kind)
        cls.km = cls.kernel.manager
        cls.kc = cls.km.client()
        cls.kc.start_channels()
        cls.kc.wait_for_ready(timeout=harness.PATIENCE)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.kc.stop_channels()
        cls.kernel.shutdown()

    def test_stdin(self) -> None:
        """What the suite has no test of: input() and getpass()."""
        for code, password in (
            ("print(input('who? '))", False),
            ("import getpass; print(getpass.getpass('who? '))", True),
        ):
            with self.subTest(code=code):
                self.flush_channels()
                msg_id = self.kc.execute(code, allow_stdin=True)
                request = self.kc.get_stdin_msg(timeout=jupyter_kernel_test.TIMEOUT)
                # Not validate_message: the suite wants a number for "password".
                self.assertEqual(request["header"]["msg_type"], "input_request")
                self.assertEqual(request["parent_header"]["msg_id"], msg_id)
                self.assertEqual(request["content"]["prompt"], "who? ")
                self.assertEqual(request["content"]["password"], password)
                self.kc.input("somebody")
                reply = self.kc.get_shell_msg(timeout=jupyter_kernel_test.TIMEOUT)
                jupyter_kernel_test.validate_message(reply, "execute_reply", msg_id)
                self.assertEqual(reply["content"]["status"], "ok")


class Welcome(jupyter_kernel_test.IopubWelcomeTests):  # type: ignore[misc]
    """The greeting of a new subscriber, which the suite has in a class of its own."""

    __test__ = False
    place: harness.Place
    kind: harness.Kind
    kernel: harness.Kernel
    support_iopub_welcome = True

    @classmethod
    def setUpClass(cls) -> None:
        cls.kernel = cls.place.start(cls.kind)
        # The test wants the greeting to be the first message; ipykernel's "starting"
        # may come before it when a subscriber comes at just that moment.
        cls.kernel.wait_until_up()
        cls.km = cls.kernel.manager
        cls.kc = cls.km.client()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.kc.stop_channels()
        cls.kernel.shutdown()


class Outcomes(unittest.TestResult):
    """Writes down what became of each test and each sub-test.

    :ivar outcomes: the name of a test, with its sub-test, to one word and a reason.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: dict[str, str] = {}
        self.reasons: dict[str, str] = {}

    def _note(self, test: Any, outcome: str, reason: str = "") -> None:
        name = test.id().split("Samples.")[-1].split("Welcome.")[-1]
        self.outcomes[name] = outcome
        if reason:
            self.reasons[name] = reason

    def addSuccess(self, test: Any) -> None:
        # unittest reports a test as well as its sub-tests; a failed sub-test stands.
        self._note(test, "passed")

    def addFailure(self, test: Any, err: Any) -> None:
        self._note(test, "failed", self._exc_info_to_string(err, test))  # type: ignore[attr-defined]

    def addError(self, test: Any, err: Any) -> None:
        self._note(test, "error", self._exc_info_to_string(err, test))  # type: ignore[attr-defined]

    def addSkip(self, test: Any, reason: str) -> None:
        self._note(test, "skipped: " + reason)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is None:
            self._note(subtest, "passed")
        else:
            self._note(subtest, "failed", self._exc_info_to_string(err, subtest))  # type: ignore[attr-defined]


def outcomes(place: harness.Place, kind: harness.Kind) -> Outcomes:
    """Run both classes of the suite against a kernel of one kind."""
    load = unittest.defaultTestLoader.loadTestsFromTestCase
    suite = unittest.TestSuite(
        load(type(base.__name__, (base,), {"place": place, "kind": kind}))
        for base in (Samples, Welcome)
    )
    result = Outcomes()
    suite.run(result)
    return result


@pytest.fixture(scope="module")
def plain(shared_place: harness.Place) -> Outcomes:
    return outcomes(shared_place, "plain")


def test_plain_ipykernel_passes_the_suite(plain: Outcomes) -> None:
    """Without this one, two kernels that fail alike would look right."""
    skipped = [n for n, outcome in plain.outcomes.items() if "skipped" in outcome]
    failed = [n for n, o in plain.outcomes.items() if o in ("failed", "error")]
    assert not failed, "\n".join(plain.reasons.values())
    assert [name.partition(" ")[0] for name in skipped] == ["test_history"], skipped
    tests = {name.partition(" ")[0] for name in plain.outcomes}
    # 12 of KernelTests, 1 of IopubWelcomeTests, ours of stdin.
    assert len(tests) == 14, sorted(tests)


def test_wrapped_ipykernel_gives_the_same_results(
    shared_place: harness.Place, plain: Outcomes
) -> None:
    wrapped = outcomes(shared_place, "wrapped")
    assert wrapped.outcomes == plain.outcomes, "\n".join(wrapped.reasons.values())
    print(
        f"{len(wrapped.outcomes)} tests and sub-tests with the same outcome",
        file=sys.stderr,
    )
