"""What a ``%restart --replay`` starts, and then runs again.

Knows that there has to be something to run before the kernel is touched, and which
cells it is when its turn has come. Must not know how they are run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.internet import defer
from twisted.internet.defer import Deferred

from ipr.jupyter.howmany import HowMany
from ipr.jupyter.magics import Changes
from ipr.relay import replayplan
from ipr.relay.cellhistory import CellHistory
from ipr.relay.ports import Changer
from ipr.relay.replayplan import NothingToReplay, Plan
from ipr.relay.restartcells import Prepared


class Replaying(Prepared):
    """What another one starts, and cells to run again.

    :param generation: returns the number of the kernel that there is.
    :ivar plan: those cells, once it is in force.
    :ivar nothing: why there are none, if so.
    :ivar begun: whether they have begun to run, or there were none: that is once.
    """

    def __init__(
        self,
        prepared: Prepared,
        history: CellHistory,
        generation: Callable[[], int],
        how_many: HowMany,
    ) -> None:
        self._prepared = prepared
        self._history = history
        self._generation = generation
        self._how_many = how_many
        self.pieces = prepared.pieces
        self.language = prepared.language
        self.plan = Plan()
        self.nothing = ""
        self.begun = False

    @property
    def left(self) -> bool:
        """Whether the new kernel has something to do for it."""
        return bool(self.pieces) or not self.begun

    def check(self) -> Deferred[None]:
        """See whether it can be started, and whether there is anything to run."""
        try:
            self.look()
        except NothingToReplay as error:
            return defer.fail(error)
        return self._prepared.check()

    def look(self) -> None:
        """See whether there is anything to run.

        :raises NothingToReplay: there is not.
        """
        replayplan.check(self._history, self._generation(), self._how_many)

    def apply(self) -> None:
        """Put it in force; from here on it is known what runs."""
        generation = self._generation()
        self.plan = replayplan.of_kernel(self._history, generation, self._how_many)
        if not self.plan.cells:
            self.nothing = replayplan.nothing(self._history, generation)
        self._prepared.apply()
        # A cell before it may have written the file.
        self.pieces = self._prepared.pieces


class ReplayChanger(Changer):
    """Works out what a ``%restart`` changes; another one does the most of it."""

    def __init__(
        self, changer: Changer, history: CellHistory, generation: Callable[[], int]
    ) -> None:
        self._changer = changer
        self._history = history
        self._generation = generation

    def unchanged(self) -> Prepared:
        """Return what a ``%restart`` without options starts."""
        return self._changer.unchanged()

    def prepare(self, changes: Changes) -> Deferred[Prepared]:
        """Work it out, and check it; fails with words when it cannot be had."""
        preparing = self._changer.prepare(changes)
        how_many = changes.replay
        if how_many is None:
            return preparing
        before = self._changer.unchanged().language

        def replaying(prepared: Prepared) -> Prepared:
            after = prepared.language
            if before and after and before.lower() != after.lower():
                raise NothingToReplay(replayplan.other_language(before, after))
            made = Replaying(prepared, self._history, self._generation, how_many)
            made.look()
            return made

        return preparing.addCallback(replaying)

    def follow(
        self, env: Mapping[str, str | None], cwd: str
    ) -> Deferred[Callable[[], tuple[str, ...]]]:
        """See :meth:`ipr.relay.ports.Changer.follow`."""
        return self._changer.follow(env, cwd)
