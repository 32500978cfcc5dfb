"""The wall clock may step as it likes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.case import Case

# No test process holds a reactor: each of these is one of its own. The step comes
# after the timers were set, as a real one does.
PROGRAM = """
import sys, time
real, step = time.time, [0.0]
time.time = lambda: real() + step[0]
from twisted.internet import reactor
from twisted.internet.task import LoopingCall
from ipr.daemon.clock import monotonic

told = []
reactor.callLater(0.2, told.append, "set before")
if "plain" not in sys.argv:
    monotonic(reactor)
    monotonic(reactor)
reactor.callLater(0.3, told.append, "set after")
looping = LoopingCall(told.append, "loop")
looping.start(0.1, now=False)
hour = reactor.callLater(1800, told.append, "far too soon")

def step_now():
    step[0] = float(sys.argv[1])

reactor.callWhenRunning(step_now)
reactor.callLater(0.4, reactor.stop)
# A thread of its own, for the reactor whose timers are not to be trusted.
import threading
patience = 1.0 if "plain" in sys.argv else 50.0
out = threading.Timer(patience, reactor.callFromThread, [reactor.crash])
out.daemon = True
out.start()
reactor.run()
print(*dict.fromkeys(told), sep=",")
"""


class SteppedTests(Case):
    def told(self, *argv: str) -> set[str]:
        root = os.path.dirname(
            os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        )
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *argv],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return set(done.stdout.strip().split(","))

    def test_a_stepped_wall_clock_moves_no_timer(self) -> None:
        """An hour back, an hour on: every timer when it is due."""
        for step in ("-3600", "3600"):
            self.assertEqual(self.told(step), {"set before", "set after", "loop"})

    @pytest.mark.slow
    def test_twisted_by_itself(self) -> None:
        """What this is for: if it ever passes, the module can go."""
        self.assertEqual(self.told("-3600", "plain"), {""})
        self.assertIn("far too soon", self.told("3600", "plain"))
