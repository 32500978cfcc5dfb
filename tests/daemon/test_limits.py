"""The restart machine's numbers, as the options set them."""

from __future__ import annotations

from typing import Any

from ipr.boot.options import OPTIONS
from ipr.daemon.limits import PRELOAD_TIMEOUT, START_TIMEOUT, limits
from tests.case import Case


def options(**given: Any) -> dict[str, Any]:
    """Return the defaults, but for those given."""
    return {**{option.key: option.default for option in OPTIONS}, **given}


class LimitsTests(Case):
    def test_options_become_limits(self) -> None:
        made = limits(
            options(restart_limit=2, stable_start_time=3.0, no_autorestart=True),
            may_queue=False,
        )
        self.assertEqual(
            (made.restart_limit, made.stable_start_time, made.autorestart),
            (2, 3.0, False),
        )

    def test_kernel_that_first_runs_a_file_has_more_time(self) -> None:
        made = limits(options(preload="/code.py"), may_queue=False)
        self.assertEqual(made.start_timeout, PRELOAD_TIMEOUT)
        made = limits(options(preload="/code.py", start_timeout=5.0), may_queue=False)
        self.assertEqual(made.start_timeout, 5.0)

    def test_a_kernel_that_may_queue_has_no_start_timeout(self) -> None:
        """Unless an option says otherwise."""
        found = [
            limits(options(**given), may_queue=queues).start_timeout
            for given, queues in (
                ({}, False),
                ({}, True),
                ({"start_timeout": 5.0}, True),
                ({"start_timeout": 0.0}, False),
            )
        ]
        self.assertEqual(found, [START_TIMEOUT, 0.0, 5.0, 0.0])
