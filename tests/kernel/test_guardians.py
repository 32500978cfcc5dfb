"""How guardians are spawned by the reactor, and ended with the daemon."""

from __future__ import annotations

import os
import signal
from typing import Any

from ipr.boot import guardian
from ipr.kernel import guardians
from tests.case import Case
from tests.fakes import Done


class EndAllTests(Case):
    def end(self, left: frozenset[int]) -> Done:
        """Return what is done at the end of the daemon."""
        done: Done = []
        typeless: Any = super()
        typeless.patch(guardians, "children", lambda: left)
        typeless.patch(os, "kill", lambda *what: done.append(what))
        typeless.patch(guardian, "sweep", lambda *what: done.append(what))
        guardians.end_all()
        return done

    def test_guardians_that_are_left(self) -> None:
        """They are killed, and then all that they guarded."""
        self.assertEqual(
            self.end(frozenset({7})), [(7, signal.SIGKILL), (frozenset(), 1.0)]
        )

    def test_usual_end(self) -> None:
        """There is none."""
        self.assertEqual(self.end(frozenset()), [])


class SpawnTests(Case):
    def test_guardian_has_three_pipes_and_little_environment(self) -> None:
        """A guardian with its three pipes; almost nothing of our environment."""
        done: Done = []
        blocked: list[set[int]] = []

        class Reactor:
            def spawnProcess(self, *args: Any, **kwargs: Any) -> None:
                done.append((args, kwargs))
                # Until it has a session of its own, it is in our process group.
                blocked.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))

        self.environment(
            LD_LIBRARY_PATH="/opt/python/lib", PYTHONHOME=None, PYTHONPATH="/mine"
        )
        typeless: Any = super()
        typeless.patch(guardian, "inherited", lambda: {3: 5, 9: 9})
        typeless.patch(guardian, "_held", None)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        protocol: Any = object()
        guardians.spawn(Reactor(), protocol, ["/run/a", "/run/b"])
        self.assertTrue(blocked[0] >= {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        self.assertEqual(signal.pthread_sigmask(signal.SIG_BLOCK, ()), mask)
        argv = guardian.command_line({3: 5, 9: 9}, ["/run/a", "/run/b"])
        self.assertEqual(argv[-2:], ["/run/a", "/run/b"])
        self.assertEqual(
            done,
            [
                (
                    (protocol, argv[0], argv),
                    {
                        "env": {
                            "PATH": os.defpath,
                            "LC_ALL": "C",
                            # A site's Python may not even start without.
                            "LD_LIBRARY_PATH": "/opt/python/lib",
                        },
                        "childFDs": {0: 0, 1: 1, 2: "r", 3: "w", 4: "r", 5: 3, 9: 9},
                    },
                )
            ],
        )
