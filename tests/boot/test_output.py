"""The output of our commands."""

from __future__ import annotations

import io
import sys

from ipr.boot import output
from tests.case import Case


class PrepareTests(Case):
    def setUp(self) -> None:
        self.addCleanup(setattr, sys, "stdout", sys.stdout)
        self.addCleanup(setattr, sys, "stderr", sys.stderr)

    def test_any_name_can_be_shown(self) -> None:
        """Whatever the terminal's encoding is."""
        for stream in ("stdout", "stderr"):
            setattr(sys, stream, io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
        output.prepare()
        for shown in (sys.stdout, sys.stderr):
            shown.write("caf\u00e9")
            shown.flush()
            assert isinstance(shown, io.TextIOWrapper)
            self.assertEqual(shown.buffer.getvalue(), b"caf\\xe9")

    def test_closed_streams_are_replaced(self) -> None:
        """Whoever starts us may have closed them."""
        sys.stdout = None
        sys.stderr = None
        output.prepare()
        for stream in ("stdout", "stderr"):
            made = getattr(sys, stream)
            made.write("nobody sees it")
            made.close()
