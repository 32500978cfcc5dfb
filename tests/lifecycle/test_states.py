"""The states' names for users."""

from __future__ import annotations

from typing import get_args

from ipr.lifecycle.states import PUBLIC_NAMES, State
from tests.case import Case


class NamesTests(Case):
    def test_every_state_has_a_name_that_users_know(self) -> None:
        self.assertEqual(set(PUBLIC_NAMES), set(get_args(State)))
        self.assertEqual(
            set(PUBLIC_NAMES.values()), {"restarting", "running", "dead", "stopped"}
        )
