"""Whose the words of the daemon's command line are: ours, or the inner kernel's.

Knows how a kernelspec's argv and a command line are laid over each other, and
which words look like slips of the pen. Must not know what an option means.

Clients append to a kernelspec's argv: nbclient, and with it papermill and
nbconvert, ``--HistoryManager.hist_file=:memory:`` where the kernelspec is called
``python3``. The kernel is who they mean. The rule:

1. The words that stand in argv of the kernelspec's kernel.json are the daemon's;
   what comes after them was appended, and goes to the inner kernel, whatever it
   looks like: ``--log-level=DEBUG`` is an option of ipykernel, too.
2. Of the daemon's words (all of them, where no kernel.json tells) ours are
   those up to the first that is no option that ipr knows, nor the value of
   one. That word and all after it go to the inner kernel as well.
3. If that first word is nearly one of our options, it is reported as misspelt
   instead: nobody would look for it in the kernel.
4. Where ``-- ARGV`` is among the daemon's words, none of this applies: what is
   appended ends up in ARGV, and what comes before must be ours.
"""

from __future__ import annotations

from ipr.boot.options import OPTIONS, UNFILLED, BadOption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: The shortest beginning of one of our options that counts as a slip; and it must
#: break off within a word: "--interrupt" is an option of ipykernel.
SHORTEST_BEGINNING = 4

#: Of ours by word: whether its value is in the next one.
_KNOWN = {f"--{option.name}": bool(option.metavar) for option in OPTIONS}
_KNOWN.update(
    {f"-{option.short}": bool(option.metavar) for option in OPTIONS if option.short}
)
_KNOWN.update({"-h": False, "--help": False, "--version": False})


def part(
    argv: Sequence[str], written: Callable[[str], Sequence[str]]
) -> tuple[list[str], list[str]]:
    """Part the daemon's words from those that go to the inner kernel.

    :param argv: without the program's name.
    :param written: returns argv of the kernel.json in a folder; empty when there
        is none that could be read.
    :raises BadOption: one of the daemon's options is misspelt.
    """
    folder = _folder(argv)
    count = written_words(argv, written(folder) if folder else ())
    ours, appended = list(argv[:count]), list(argv[count:])
    if "--" in ours:
        return list(argv), []
    end = _end_of_ours(ours)
    if end < len(ours) and (meant := misspelt(ours[end])):
        raise BadOption(
            f"there is no option {ours[end].partition('=')[0]}; did you mean {meant}?"
            " See python -m ipr --help"
        )
    return ours[:end], ours[end:] + appended


def written_words(argv: Sequence[str], written: Sequence[str]) -> int:
    """Count the words at the beginning of *argv* that a kernel.json holds.

    :param written: its argv, with the program's name and the like in front.
    :returns: their number; all, when they are not those of this kernel.json.
    """
    # In front stand the interpreter and its options; in front of them perhaps a
    # launcher, which we do not see.
    for start in range(1, len(written)):
        own = written[start:]
        if len(own) <= len(argv) and all(
            # Whoever starts the kernel has filled in what is in braces.
            "{" in word or word == given
            for word, given in zip(own, argv, strict=False)
        ):
            return len(own) if "--resource-dir" in own else len(argv)
    return len(argv)


def misspelt(word: str) -> str:
    """Return the option of ours that *word* is nearest to; ``""`` if to none."""
    if word[:1] not in "-\u2013\u2014" or word in ("", "-"):
        return ""
    name = _plain(word.partition("=")[0])
    nearest, fewest = "", 3
    for option in OPTIONS:
        ours = _plain(option.name)
        most = 1 if len(ours) < 8 else 2
        slips = 1 if _breaks_off(name, ours) else _differ(name, ours, most)
        if slips <= most and slips < fewest:
            nearest, fewest = f"--{option.name}", slips
    return nearest


def _folder(argv: Sequence[str]) -> str:
    """Find the kernelspec's folder among the words."""
    found: dict[str, str] = {}
    for at, word in enumerate(argv):
        if word == "--":
            break
        name, equals, value = word.partition("=")
        if name in ("--resource-dir", "--spec-dir"):
            following = argv[at + 1] if at + 1 < len(argv) else ""
            found.setdefault(name, value if equals else following)
    folder = found.get("--resource-dir", "")
    return found.get("--spec-dir", "") if folder in ("", UNFILLED) else folder


def _end_of_ours(words: Sequence[str]) -> int:
    at = 0
    while at < len(words):
        name, equals, _ = words[at].partition("=")
        if name not in _KNOWN:
            return at
        at += 2 if _KNOWN[name] and not equals else 1
    return len(words)


def _plain(name: str) -> str:
    # A word processor makes one dash of two.
    return name.lstrip("-\u2013\u2014").replace("_", "-").lower()


def _breaks_off(name: str, ours: str) -> bool:
    length = len(name)
    return (
        length >= SHORTEST_BEGINNING
        and ours.startswith(name)
        and ("-" in name or ours[length : length + 1] != "-")
    )


def _differ(one: str, other: str, most: int) -> int:
    """Count the slips between two words: a letter more, less, other, or swapped.

    The optimal string alignment distance.

    :param most: beyond this it only matters that there are more.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 < j and a == other[j - 2] and b == one[i - 2]:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
