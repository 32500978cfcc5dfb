"""What a Python kernel has loaded: the question, and what an answer says.

Knows the expression that a kernel evaluates, and how its answer is written and bounded.
Must not know how the question is sent, nor what becomes of the paths. The answer comes
from a kernel, whose startup files may have done anything to it: what is not exactly as
asked for does not count.

Pure: it asks nothing of the system itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from ipr.jupyter import messages
from ipr.jupyter.messages import Draft
from ipr.kernel import pasthistory, pythonquestion
from ipr.kernel.pythonquestion import NoAnswer as NoAnswer

#: Files, folders and names that an answer may hold. A kernel that has imported torch,
#: sklearn and pandas has 4000 files.
MOST = 16384
#: Characters that a path may have (PATH_MAX).
LONGEST_PATH = 4096

# For any Python that has an ipykernel. Modules that ipykernel itself needs are there
# already.
_PROGRAM = (
    r"""
import json, os, site, sys
def text(found):
    return sorted({each for each in found if isinstance(each, str) and each})
shell = sys.modules["IPython"].get_ipython()
app = getattr(getattr(shell, "kernel", None), "parent", None)
cwd = os.getcwd()
folders = [os.path.abspath(each) for each in sys.path if isinstance(each, str)]
if site.ENABLE_USER_SITE:
    folders.append(site.getusersitepackages())
tops, files = set(), set()
for name, module in list(sys.modules.items()):
    tops.add(name.partition(".")[0])
    path = getattr(module, "__file__", None)
    if isinstance(path, str):
        files.add(os.path.abspath(path))
files.update((sys.executable, os.path.join(sys.prefix, "pyvenv.cfg")))
files.add(os.environ.get("PYTHONSTARTUP", ""))
startup = []
if app is not None:
    files.update(app.exec_files)
    files.add(app.file_to_run)
    for folder in app.config_file_paths:
        startup.append(os.path.join(folder, "startup"))
        for name in ["ipython_config.py"] + list(app.config_files):
            path = os.path.join(folder, name)
            files.update((path, os.path.splitext(path)[0] + ".json"))
groups = {}
for path in text(files):
    folder, name = os.path.split(os.path.abspath(path))
    groups.setdefault(folder, []).append(name)
answer = {"cwd": cwd, "folders": text(folders), "startup": text(startup),
          "tops": text(tops), "files": groups}
"""
    + pasthistory.PROGRAM
)


@attrs.frozen
class Loaded:
    """What a Python has loaded, or looked at, since its start.

    :ivar folders: of ``sys.path``, but for the working folder, and the user's
        site-packages; they may not exist.
    :ivar cwd: the working folder, if ``sys.path`` has it; otherwise ``""``.
    :ivar whole: folders all files of which count, as IPython's startup folders.
    :ivar files: of modules, configurations, the interpreter.
    :ivar tops: the modules that are imported, without what follows a dot.
    """

    folders: tuple[str, ...] = ()
    cwd: str = ""
    whole: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    tops: frozenset[str] = frozenset()

    def and_also(self, files: Iterable[str] = (), whole: Iterable[str] = ()) -> Loaded:
        """Return this, with files that ipr knows by itself: of whatever language.

        :param files: the kernel's program, its kernel.json, a preload file; absolute.
        :param whole: the kernelspec's folder.
        """
        return attrs.evolve(
            self, files=(*self.files, *files), whole=(*self.whole, *whole)
        )


def question() -> Draft:
    """Return the request that asks for it; nobody sees it, and it counts no cell.

    A kernel that answers it keeps out of IPython's history until its first cell.
    """
    return messages.silent("", pythonquestion.asking(_PROGRAM))


def parse(content: Mapping[str, object]) -> Loaded:
    """Read the reply's content.

    :raises NoAnswer: it is not what was asked for, or is too large.
    """
    answer = pythonquestion.answer(content)
    if not isinstance(answer, dict):
        raise NoAnswer("its answer cannot be read")
    cwd, groups = answer.get("cwd"), answer.get("files")
    if not isinstance(groups, dict):
        raise NoAnswer("its answer has no files")
    folders = _paths(answer.get("folders"))
    files = [
        f"{folder.rstrip('/')}/{name}"
        for folder, names in groups.items()
        for name in _words(names)
    ]
    return Loaded(
        tuple(folder for folder in folders if folder != cwd),
        cwd if cwd in folders else "",
        _paths(answer.get("startup")),
        _paths(files),
        frozenset(_words(answer.get("tops"))),
    )


def _words(found: Any) -> list[str]:
    if not isinstance(found, list) or len(found) > MOST:
        raise NoAnswer("its answer is no list, or one too long")
    if not all(_is_word(each) for each in found):
        raise NoAnswer("its answer holds something else than names")
    return found


def _paths(found: Any) -> tuple[str, ...]:
    words = _words(found)
    if not all(word.startswith("/") for word in words):
        raise NoAnswer("its answer holds something else than paths")
    return tuple(dict.fromkeys(words))


def _is_word(found: object) -> bool:
    return isinstance(found, str) and len(found) <= LONGEST_PATH and "\0" not in found
