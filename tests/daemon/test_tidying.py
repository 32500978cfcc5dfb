"""What is done when the first cells have run."""

from __future__ import annotations

import os
from unittest import mock

from ipr.boot import places
from ipr.daemon import tidying
from tests.case import Case


class TidyLaterTests(Case):
    def setUp(self) -> None:
        self.clock = self.make_clock()
        tidy = mock.patch.object(tidying, "tidy")
        self.tidy = tidy.start()
        self.addCleanup(tidy.stop)

    def test_tidies_once_beside_the_connection_file(self) -> None:
        stop = tidying.tidy_later(self.clock, "/run/user/1000/kernel-1.json")
        self.clock.advance(tidying.TIDY_TIME - 0.1)
        self.assertEqual(self.tidy.call_count, 0)
        self.clock.advance(0.1)
        self.tidy.assert_called_once_with("/run/user/1000")
        stop()

    def test_nothing_is_done_after_the_end(self) -> None:
        tidying.tidy_later(self.clock, "/run/user/1000/kernel-1.json")()
        self.clock.advance(tidying.TIDY_TIME)
        self.assertEqual(self.tidy.call_count, 0)


class TidyTests(Case):
    def test_folders_of_dead_daemons_are_removed(self) -> None:
        with (
            mock.patch.object(tidying, "gc"),
            mock.patch.object(places, "remove_stale") as removed,
        ):
            folder = self.folder()
            tidying.tidy(folder)
        (bases,) = removed.call_args.args
        self.assertIn(os.path.realpath(folder), map(os.path.realpath, bases))
