"""Whether what a started kernel has loaded is still what is on disk.

Knows stat(2), and which names in a folder of ``sys.path`` matter. Must not know who
told the paths, nor what is done about a change. All of it may block where a file
system is away: run it by :mod:`ipr.kernel.apart`.

What counts:

* of a file its inode, size and time of modification, or that it is not there. Not the
  time of its last change: ``uv`` makes hard links, and each one changes that.
* of a folder of ``sys.path`` its ``.pth`` files, and the names that an import, ``site``
  or ``importlib.metadata`` would look at. Not its times alone: bytecode and notebooks
  are written there as well.
* of the working folder only names that would come before a module that is imported.
  What else is new there the kernel finds when it imports it, and cells that write
  results there are no reason to start another kernel.

Over NFS, what another machine has changed may be seen only some seconds later
(``acregmax``, ``acdirmax``); what this machine has changed is seen at once.
"""

from __future__ import annotations

import enum
import errno
import os
import stat
from collections.abc import Callable

import attrs

from ipr.kernel.loaded import Loaded

#: Names of one folder that are compared. Beyond, its time of modification counts.
MOST_NAMES = 20_000

#: What makes a name in a folder of ``sys.path`` matter, beside Python's identifiers.
_MODULES = (".py", ".pyc", ".so", ".pth", ".zip")
_METADATA = (".dist-info", ".egg-info", ".egg-link", ".egg")
#: Imported at the start, if there is one.
_CUSTOMIZE = frozenset(("sitecustomize", "usercustomize"))

#: The path cannot be looked at, which is a state like any other.
_STATES = frozenset(
    (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG)
)

#: Inode, size (of a folder: 0) and time of modification; or why there is nothing.
_Mark = tuple[int, int, int] | int


class _Kind(enum.Enum):
    """What a folder is there for, which says which names in it matter."""

    PATH = enum.auto()
    WHOLE = enum.auto()
    CWD = enum.auto()


@attrs.frozen
class _Folder:
    """What is in a folder.

    :ivar mark: of the folder itself.
    :ivar names: those that matter; None: they cannot be read, or are too many.
    """

    kind: _Kind
    mark: _Mark
    names: frozenset[str] | None


@attrs.frozen
class Fingerprint:
    """What was on disk.

    :ivar doubt: why it says nothing about the kernel, in the words of
        :func:`changed`; ``""``: it does.
    """

    files: dict[str, _Mark]
    folders: dict[str, _Folder]
    tops: frozenset[str]
    doubt: str


def of(loaded: Loaded, since: float) -> Fingerprint:
    """Look at all that a kernel has loaded.

    :param since: when the kernel was started, in the seconds of :func:`time.time`. It
        may have read what was written later, or what was there before: a doubt.
    """
    look = _Look(loaded.tops, since)
    paths = list(loaded.files)
    folders = {}
    for kind, each in (
        (_Kind.PATH, loaded.folders),
        (_Kind.WHOLE, loaded.whole),
        (_Kind.CWD, (loaded.cwd,) if loaded.cwd else ()),
    ):
        for folder in each:
            folders[folder] = found = look.folder(folder, kind)
            paths += [
                os.path.join(folder, name)
                for name in found.names or ()
                if kind is _Kind.WHOLE or name.endswith(".pth")
            ]
    files = {path: look.mark(path) for path in paths}
    return Fingerprint(files, folders, loaded.tops, look.doubt)


def changed(before: Fingerprint) -> str:
    """Return what differs on disk now; ``""``: nothing.

    :returns: words for ``%ipr status``: ``"/…/site-packages has changed (x.py)"``.
    """
    if before.doubt:
        return before.doubt
    look = _Look(before.tops)
    for path, was in before.folders.items():
        # Whatever is put into a folder or taken out of it changes its time.
        if look.mark(path) != was.mark:
            words = _difference(path, was, look.folder(path, was.kind))
            if words:
                return look.doubt or words
    for path, mark in before.files.items():
        if look.mark(path) != mark:
            return look.doubt or f"{path} has changed"
    return look.doubt


def _difference(path: str, was: _Folder, now: _Folder) -> str:
    if isinstance(was.mark, int) or isinstance(now.mark, int):
        # It is there, or can be read, and was not; or the other way round.
        return f"{path} has changed"
    if was.names is None or now.names is None:
        # Of a working folder as large as that, nothing comes before a module.
        return "" if was.kind is _Kind.CWD else f"{path} has changed"
    if was.mark[0] != now.mark[0]:
        return f"{path} is another folder now"
    others = was.names ^ now.names
    return f"{path} has changed ({min(others)})" if others else ""


class _Look:
    """One look at the disk.

    :param tops: the modules that are imported.
    :ivar doubt: what came in between; ``""``: nothing.
    """

    def __init__(self, tops: frozenset[str], since: float = float("inf")) -> None:
        self.doubt = ""
        self._since = since
        self._matters: dict[_Kind, Callable[[str], bool]] = {
            _Kind.PATH: _on_path,
            _Kind.WHOLE: _is_no_cache,
            _Kind.CWD: _before(tops | _CUSTOMIZE),
        }

    def mark(self, path: str, kind: _Kind | None = None) -> _Mark:
        """Look at a file, or at a folder as such."""
        try:
            found = os.stat(path)
        except OSError as error:
            return self._not_there(path, error)
        # In a working folder anybody may write, at any time.
        if found.st_ctime >= self._since and kind is not _Kind.CWD:
            self.doubt = self.doubt or f"{path} has changed during its start"
        size = 0 if stat.S_ISDIR(found.st_mode) else found.st_size
        return found.st_ino, size, found.st_mtime_ns

    def folder(self, path: str, kind: _Kind) -> _Folder:
        """Look into a folder."""
        # First its time, then its names: what comes in between is seen the next time.
        mark = self.mark(path, kind)
        matters = self._matters[kind]
        names = []
        try:
            with os.scandir(path) as entries:
                for count, entry in enumerate(entries):
                    if count == MOST_NAMES:
                        return _Folder(kind, mark, None)
                    if matters(entry.name):
                        names.append(entry.name)
        except OSError as error:
            self._not_there(path, error)
            # It is a file, for instance: then its size and time count.
            return _Folder(kind, mark, None)
        return _Folder(kind, mark, frozenset(names))

    def _not_there(self, path: str, error: OSError) -> int:
        number = error.errno or 0
        if number not in _STATES:
            self.doubt = self.doubt or f"{path} cannot be looked at: {error.strerror}"
        return number


def _on_path(name: str) -> bool:
    """Whether an import, ``site`` or ``importlib.metadata`` would look at it."""
    if name.endswith(_METADATA):
        return True
    stem, dot, _ = name.partition(".")
    return (not dot or name.endswith(_MODULES)) and (
        name.endswith(".pth") or (stem.isidentifier() and stem != "__pycache__")
    )


def _is_no_cache(name: str) -> bool:
    return name != "__pycache__"


def _before(tops: frozenset[str]) -> Callable[[str], bool]:
    def matters(name: str) -> bool:
        stem, dot, _ = name.partition(".")
        return stem in tops and (not dot or name.endswith(_MODULES))

    return matters
