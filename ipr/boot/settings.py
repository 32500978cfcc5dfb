"""``ipr.toml``: the daemon's options for a whole site, and for one user.

Knows where Jupyter looks for configuration, and how a value in a file is read. Must not
know what an option does. A file with a mistake keeps no kernel from starting: the
mistake is reported, and everything else holds. Needed before the first inner kernel is
spawned: no attrs here, and ``tomllib`` is imported only where there is a file.
"""

from __future__ import annotations

import os
import sys

from ipr.boot import plainfile
from ipr.boot.light import NamedTuple
from ipr.boot.options import OPTIONS, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

NAME = "ipr.toml"
#: The table that holds the options.
TABLE = "daemon"

#: What belongs to one kernel, and so to its kernelspec.
OF_ONE_KERNEL = frozenset(
    ("connection-file", "resource-dir", "spec-dir", "kernel", "RestarterApp.log_level")
)
_SYSTEM = ("/usr/local/etc/jupyter", "/etc/jupyter")

#: Bytes that a file may have.
_LARGEST = 1 << 16


class Settings(NamedTuple):
    """What the files say.

    :ivar values: by :attr:`ipr.boot.options.Option.key`.
    :ivar origins: for each of these, the file and line that it comes from.
    :ivar told: what is wrong in the files, one sentence each.
    """

    values: Mapping[str, object]
    origins: Mapping[str, str]
    told: tuple[str, ...]


def folders(environ: Mapping[str, str], prefix: str) -> list[str]:
    """Return where an ``ipr.toml`` may be, the one that wins first.

    As ``jupyter --paths`` lists them under "config", but always the user's before the
    environment's.

    :param prefix: that of the daemon's Python.
    """
    if environ.get("JUPYTER_NO_CONFIG"):
        return []
    named = environ.get("JUPYTER_CONFIG_PATH", "").split(os.pathsep)
    found = [folder.rstrip(os.sep) for folder in named if folder]
    found.append(_users(environ))
    found.append(os.path.join(prefix, "etc", "jupyter"))
    return list(dict.fromkeys((*found, *_SYSTEM)))


def _users(environ: Mapping[str, str]) -> str:
    if folder := environ.get("JUPYTER_CONFIG_DIR"):
        return folder
    home = environ.get("HOME") or os.path.expanduser("~")
    if environ.get("JUPYTER_PLATFORM_DIRS", "").lower() in ("1", "true", "yes", "on"):
        base = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
        return os.path.join(base, "jupyter")
    return os.path.join(home, ".jupyter")


def read(environ: Mapping[str, str], prefix: str = sys.prefix) -> Settings:
    """Read all files that there are; of each option, the first file that has it holds.

    Reading none takes a failed open(2) for each folder.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    told: list[str] = []
    for folder in reversed(folders(environ, prefix)):
        path = os.path.join(folder, NAME)
        try:
            data = plainfile.read(path, _LARGEST)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            told.append(f"{path}: {error.strerror or error}")
            continue
        except plainfile.NotPlain as error:
            told.append(f"{path}: {error}")
            continue
        one = parse(path, data)
        values.update(one.values)
        origins.update(one.origins)
        told.extend(one.told)
    return Settings(values, origins, tuple(told))


def parse(path: str, data: bytes) -> Settings:
    """Read one file.

    :param path: what the sentences call it.
    """
    import tomllib

    try:
        text = data.decode()
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, tomllib.TOMLDecodeError) else ""
        reason = reason or ("not UTF-8" if isinstance(error, ValueError) else "nested")
        return Settings({}, {}, (f"{path}: this is not TOML: {reason}",))
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    told: list[str] = []
    for name, value in _entries(tables):
        where = _where(path, text, name)
        try:
            option, read_value = _read(name, value)
        except ValueError as error:
            told.append(f"{where}: {error}")
            continue
        values[option.key] = read_value
        origins[option.key] = where
    return Settings(values, origins, tuple(told))


def _entries(tables: Mapping[str, object]) -> Iterator[tuple[str, Any]]:
    """Go through all names; those that stand in no table of ours with its name."""
    for table, entries in tables.items():
        if table == TABLE and isinstance(entries, dict):
            yield from entries.items()
        else:
            yield f"{table}.", entries


def _read(name: str, value: object) -> tuple[Option, object]:
    """Read one entry.

    :raises ValueError: with what is wrong, in words.
    """
    if name.endswith("."):
        raise ValueError(f"{name[:-1]!r} is unknown here; options belong in [{TABLE}]")
    option = next((one for one in OPTIONS if one.name == name), None)
    if option is None:
        from ipr.boot.argv import misspelt

        meant = misspelt(f"--{name}")
        hint = f"; did you mean {meant[2:]}?" if meant else ""
        raise ValueError(f"there is no option {name!r}{hint}")
    if name in OF_ONE_KERNEL:
        raise ValueError(f"{name} belongs to one kernel: write it into its kernelspec")
    if not option.metavar:
        if not isinstance(value, bool):
            raise ValueError(f"{name}: write true or false, not {value!r}")
        return option, value
    if (kind := _kind(value)) != "":
        raise ValueError(f"{name}: write a number or a text, not {kind}")
    try:
        return option, option.read(str(value))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _kind(value: object) -> str:
    """Return what kind a value is that no option takes; ``""``: some option may."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (str, int, float)):
        return ""
    if isinstance(value, list):
        return "an array"
    return "a table" if isinstance(value, dict) else "a date"


def _where(path: str, text: str, name: str) -> str:
    """Name the file, and the line if it can be found: tomllib does not say it."""
    wanted = name.rstrip(".")
    for number, line in enumerate(text.splitlines(), 1):
        key = line.partition("=")[0].partition("#")[0].strip().strip("[]").strip()
        if wanted in (key.strip("\"'"), key.removeprefix(f"{TABLE}.").strip("\"'")):
            return f"{path}, line {number}"
    return path
