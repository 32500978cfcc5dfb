"""What holds for every test."""

from __future__ import annotations

import signal

# A test run that nohup(1) started ignores SIGHUP, and so would all that it
# starts: an ssh whose terminal goes would stay (remote_ikernel, killed hard).
signal.signal(signal.SIGHUP, signal.SIG_DFL)
