"""The picture of the states is the machine's, and up to date."""

from __future__ import annotations

from tests.case import Case
from tests.lifecycle import draw_states


class PictureTests(Case):
    def test_picture_in_docs_is_what_the_machine_does(self) -> None:
        """When it fails: ``python -m tests.lifecycle.draw_states``, and look at it."""
        kept = draw_states.PICTURE.read_text(encoding="utf-8")
        self.assertEqual(kept, draw_states.drawn(draw_states.edges()))

    def test_an_edge_is_where_a_transition_leads(self) -> None:
        found = draw_states.edges()
        self.assertEqual(found["Starting", "Running"], {"Ready"})
        self.assertFalse(("Dead", "Running") in found)

    def test_each_state_has_a_place(self) -> None:
        named = {name for pair in draw_states.edges() for name in pair}
        self.assertEqual(named, set(draw_states.PLACES))
