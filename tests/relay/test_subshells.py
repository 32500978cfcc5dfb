"""Subshells of one kernel, and what stands in for those of the kernels before."""

from __future__ import annotations

from collections.abc import Callable

from ipr.relay.subshells import MOST_EARLIER, MOST_STAND_INS, Subshells
from tests.case import Case


class SubshellsTests(Case):
    def setUp(self) -> None:
        #: Who is to be told of each subshell that was asked for.
        self.asked: list[Callable[[str], None]] = []
        self.has_subshells = True

    def create(self, made: Callable[[str], None]) -> bool:
        if self.has_subshells:
            self.asked.append(made)
        return self.has_subshells

    def after(self, *earlier: str) -> Subshells:
        return Subshells(self.create, earlier)

    def named(self, subshells: Subshells, subshell: str) -> object:
        """Return the subshell that a request for ``subshell`` goes to."""
        return subshells.addressed({"subshell_id": subshell})["subshell_id"]

    def test_header_of_an_own_subshell_is_left_alone(self) -> None:
        """The very header passes."""
        subshells = self.after("old")
        subshells.made("new")
        for header in ({"subshell_id": "new"}, {"subshell_id": None}, {}):
            self.assertIs(subshells.addressed(header), header)

    def test_header_of_an_unknown_subshell_is_left_alone(self) -> None:
        """One that no kernel of ours has made is the kernel's affair."""
        header = {"subshell_id": "made up"}
        self.assertIs(self.after("old").addressed(header), header)
        self.assertEqual(self.asked, [])

    def test_stand_in_is_asked_for_once(self) -> None:
        """The main shell until it is there; it is asked for once."""
        subshells = self.after("old")
        self.assertEqual([self.named(subshells, "old") for _ in "12"], [None, None])
        (made,) = self.asked
        made("new")
        self.assertEqual(self.named(subshells, "old"), "new")

    def test_kernel_without_subshells(self) -> None:
        """The main shell for good."""
        self.has_subshells = False
        subshells = self.after("old")
        subshells.prepare()
        self.assertEqual(self.named(subshells, "old"), None)

    def test_newest_first(self) -> None:
        """Each is a thread: the newest get one, the others the main shell."""
        earlier = [f"s{number}" for number in range(MOST_STAND_INS + 9)]
        subshells = self.after(*earlier)
        subshells.prepare()
        for number, made in enumerate(self.asked):
            made(f"new {number}")
        found = [self.named(subshells, subshell) for subshell in earlier]
        self.assertEqual(found[:9], [None] * 9)
        self.assertEqual(found[9:], [f"new {n}" for n in range(MOST_STAND_INS)])
        self.assertEqual(len(self.asked), MOST_STAND_INS)

    def test_stand_in_is_deleted_in_its_place(self) -> None:
        """The stand-in is deleted in its place, and then nobody knows it."""
        subshells = self.after("old", "never")
        self.named(subshells, "old")
        self.asked[0]("new")
        found = subshells.deletion({"subshell_id": "old"})
        self.assertEqual(found, {"subshell_id": "new"})
        for name in ("old", "never", 5):
            content: dict[str, object] = {"subshell_id": name}
            self.assertIs(subshells.deletion(content), content)
        self.assertEqual(subshells.known(), ())

    def test_deleted_before_its_stand_in_is_there(self) -> None:
        """What comes too late stands in for nothing."""
        subshells = self.after("old")
        self.named(subshells, "old")
        subshells.deletion({"subshell_id": "old"})
        self.asked[0]("new")
        self.assertEqual(subshells.known(), ())

    def test_for_the_kernel_after(self) -> None:
        """Clients go on naming those of all kernels before, but not deleted ones."""
        subshells = self.after("old")
        subshells.made("a")
        subshells.made("b")
        subshells.deleted("a")
        self.assertEqual(subshells.known(), ("old", "b"))

    def test_oldest_subshells_are_forgotten(self) -> None:
        """The oldest are forgotten."""
        subshells = self.after(*map(str, range(MOST_EARLIER)))
        subshells.made("new")
        known = subshells.known()
        self.assertEqual((len(known), known[0], known[-1]), (MOST_EARLIER, "1", "new"))
