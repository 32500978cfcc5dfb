"""A folder in which private folders are made, and a user who must not touch them."""

from __future__ import annotations

import os
import unittest

from ipr.boot import private
from tests.case import Case

#: A user who is neither root nor us.
STRANGER = 12345

needs_root = unittest.skipUnless(
    os.geteuid() == 0, "only root can give a folder to another user"
)


class PrivateCase(Case):
    def setUp(self) -> None:
        self.base = os.path.realpath(self.folder())
        self.environment(XDG_RUNTIME_DIR=self.base, TMPDIR=None)
        self.path = os.path.join(self.base, "ipr-1")
        self.precious = self.victim()

    def victim(self) -> str:
        """Return a folder with something in it, which nobody may touch."""
        path = os.path.realpath(self.folder())
        self.put(path, "precious")
        return path

    def put(self, folder: str, name: str) -> None:
        with open(os.path.join(folder, name), "w", encoding="utf-8"):
            pass

    def made(self) -> private.Folder:
        made = private.make(self.path)
        self.addCleanup(made.close)
        return made
