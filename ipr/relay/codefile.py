"""A file of code that kernels run.

Knows for which kernels it is. Must not know where it is read, nor when it is run, and
whether anybody sees that.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet import defer
from twisted.internet.defer import Deferred

from ipr.jupyter.messages import Draft


class CodeFile:
    """The file, for all kernels.

    :param path: ``""``: there is none.
    :param read: returns what is in it by now; fails with a sentence.
    """

    def __init__(self, path: str, read: Callable[[], Deferred[str]]) -> None:
        self.path = path
        self.read = read
        self._language = ""

    def misfit(self, info: Draft | None) -> str:
        """Return why a kernel is not to run it: it is for the first one's language.

        :param info: the kernel's kernel_info_reply.
        """
        language = language_of(info)
        if not language:
            return ""
        self._language = self._language or language
        if language == self._language:
            return ""
        return f"it is for {self._language}, and this kernel's language is {language}"


def language_of(info: Draft | None) -> str:
    """Return the name of a kernel's language; ``""`` where it names none."""
    about = info.content.get("language_info") if info is not None else None
    language = about.get("name") if isinstance(about, dict) else None
    return language if isinstance(language, str) else ""


NO_FILE = CodeFile("", lambda: defer.succeed(""))
