"""Which signals are passed on, and that those do not end the daemon."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from ipr.boot import signals
from tests.case import Case

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MEANT_FOR_THE_KERNEL = {
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
    signal.SIGVTALRM,
    signal.SIGPROF,
    signal.SIGXCPU,
    signal.SIGPWR,
    signal.SIGIO,
    signal.SIGWINCH,
    signal.SIGURG,
    signal.SIGTSTP,
    signal.SIGCONT,
    signal.SIGSTKFLT,
    *range(signal.SIGRTMIN, signal.SIGRTMAX + 1),
}


class SignalsTests(Case):
    def in_a_process(self, code: str, *ignored: int) -> list[int]:
        """Run a few lines in a process of its own, with some signals ignored."""

        def ignore() -> None:
            for number in ignored:
                signal.signal(number, signal.SIG_IGN)

        done = subprocess.run(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            check=True,
            timeout=60,
            preexec_fn=ignore,
        )
        return [int(word) for word in done.stdout.split()]

    def test_all_signals_but_our_own_are_passed_on(self) -> None:
        """All but the daemon's own, its faults, and what nobody can catch."""
        found = self.in_a_process(
            "from ipr.boot import signals; signals.catch(); print(*signals.caught())"
        )
        self.assertEqual(set(found), MEANT_FOR_THE_KERNEL)

    def test_ignored_ones_stay_so(self) -> None:
        """By whoever started us; those that Python ignores, too."""
        found = self.in_a_process(
            "import signal; from ipr.boot import signals; signals.catch()\n"
            "number = signal.SIG_IGN\n"
            "print(*(n for n in signal.valid_signals() if signal.getsignal(n) == 1))",
            signal.SIGINT,
            signal.SIGUSR2,
            signal.SIGRTMIN,
        )
        self.assertEqual(
            set(found),
            {
                signal.SIGINT,
                signal.SIGUSR2,
                signal.SIGRTMIN,
                signal.SIGPIPE,
                signal.SIGXFSZ,
            },
        )

    def test_in_order(self) -> None:
        """They are kept until there is somebody to pass them on to."""
        found = self.in_a_process(
            "import os; from ipr.boot import signals; signals.catch()\n"
            "for n in (10, 12, 10, 34): os.kill(os.getpid(), n)\n"
            "later = []\n"
            "signals.pass_on(later.append)\n"
            "os.kill(os.getpid(), 14)\n"
            "print(*signals.early, 0, *later)"
        )
        self.assertEqual(found, [10, 12, 10, 34, 0, 14])

    def test_none_of_ours(self) -> None:
        self.assertFalse(signals.OURS & MEANT_FOR_THE_KERNEL)

    def test_first_instruction(self) -> None:
        """It is in force soon: nothing else is imported for it."""
        found = self.in_a_process(
            "import sys, ipr; before = {*sys.modules}\n"
            "from ipr.boot import signals\n"
            "cheap = {'__future__', '_signal', 'ipr.boot', 'ipr.boot.signals'}\n"
            "print(len({*sys.modules} - before - cheap))"
        )
        self.assertEqual(found, [0])
