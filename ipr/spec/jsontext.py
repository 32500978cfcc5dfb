"""Change single members of a JSON object and leave the rest of its text as it is.

Knows where in a text the members of an object lie. Must not know
what the members mean, nor files.

Parsing and dumping again would lose indentation, the way numbers and escapes
are written, and the difference between a file with and without a last newline.
A kernel.json that is patched and restored must come out byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import attrs

_WHITESPACE = " \t\n\r"  # RFC 8259, section 2
_DECODER = json.JSONDecoder()


@attrs.frozen
class Member:
    """One ``"key": value`` of an object, as offsets into the object's text.

    :ivar lead: what stands between the value before it and its key.
    """

    key: str
    value: object
    lead: str
    start: int
    key_end: int
    value_start: int
    value_end: int


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _WHITESPACE:
        at += 1
    return at


def members(text: str) -> list[Member]:
    """Find the members of the JSON object that *text* is, in the order of the text.

    A key that occurs twice is in the list twice, the last one counts
    (as with :func:`json.loads`).

    :raises ValueError: the text is not one JSON object.
    """
    json.loads(text)
    found: list[Member] = []
    at = _skip(text, 0)
    if text[at] != "{":
        raise ValueError("not a JSON object")
    before = at = at + 1
    at = _skip(text, at)
    while text[at] != "}":
        if text[at] == ",":
            at = _skip(text, at + 1)
        start = at
        key, key_end = _DECODER.raw_decode(text, at)
        value_start = _skip(text, _skip(text, key_end) + 1)
        value, value_end = _DECODER.raw_decode(text, value_start)
        found.append(
            Member(
                key, value, text[before:start], start, key_end, value_start, value_end
            )
        )
        before, at = value_end, _skip(text, value_end)
    return found


#: Where a value stands: the keys that lead to it.
Path = tuple[str, ...]


def spliced(
    text: str,
    new: Mapping[str, object],
    moved: Mapping[Path, Sequence[Path]] | None = None,
) -> str:
    """Return *text* changed so that it says *new*, with as few changes as possible.

    Members that keep their value keep their text and their place, in the objects
    within the outermost one, too. A member that is not in the text yet is put after
    the one that it follows in *new*, laid out like its neighbours.

    :param moved: for a member that is new or has a new value, the places that the
        value may come from; the text of the first one with that value is taken over
        as it stands, but for the indentation of its lines.
    :raises ValueError: the text is not a JSON object, or is an empty one.
    """
    if not members(text):
        raise ValueError("an empty JSON object")
    return _Splice(text, moved or {}).changed(text, new, ())


@attrs.frozen
class _Splice:
    """One call of :func:`spliced`: its whole text, and what moves in it."""

    text: str
    moved: Mapping[Path, Sequence[Path]]

    def changed(self, text: str, new: Mapping[str, object], path: Path) -> str:
        """Change the object at *path*, whose text is *text* and not empty."""
        found = members(text)
        last = {member.key: member for member in found}
        # The first one's lead has no comma.
        lead = found[1].lead if len(found) > 1 else "," + (found[0].lead or " ")
        order = list(new)
        pieces: list[tuple[str, str]] = []
        for member in found:
            if member.key not in new:
                continue
            name = text[member.start : member.value_start]
            body = text[member.value_start : member.value_end]
            if member is not last[member.key]:
                pieces.append((member.lead, name + body))
                continue
            if member.value != new[member.key]:
                body = self.value(
                    new[member.key], (*path, member.key), member.lead, body
                )
            pieces.append((member.lead, name + body))
            colon = text[member.key_end : member.value_start]
            for key in order[order.index(member.key) + 1 :]:
                if key in last:
                    break
                written = self.value(new[key], (*path, key), lead, None, colon)
                pieces.append((lead, json.dumps(key) + colon + written))
        if not pieces:
            return "{}"
        head = text[: found[0].start]
        tail = text[found[-1].value_end :]
        first, *others = pieces
        return "".join([head, first[1], *(a + b for a, b in others), tail])

    def value(
        self, value: object, path: Path, lead: str, old: str | None, colon: str = ": "
    ) -> str:
        """Write a value down.

        :param lead: what stands between the value before it and its key.
        :param old: the text that it replaces, None if there was none.
        :param colon: what is to stand after keys.
        """
        like = old or ""
        for origin in self.moved.get(path, ()):
            said = _at(self.text, origin)
            if said is None:
                continue
            like = said.text
            if len(path) > len(origin):
                like = _deeper(like, said.indent, _indent(lead))
            elif len(path) < len(origin):
                like = _deeper_undone(like, _indent(lead), said.indent)
            if said.member.value == value:
                return like
        if not isinstance(value, Mapping):
            return _written(value, like, self.text)
        if old is not None and value and old.startswith("{") and members(old):
            return self.changed(old, value, path)
        # A new object: a member a line, if its own members stand so.
        between = lead if "," in lead else "," + (lead or " ")
        line = between.partition(",")[2]
        line = line if "\n" in line else ""
        inner = between + self.unit if line else between
        opening = line + self.unit if line else ""
        pieces = [
            json.dumps(key) + colon + self.value(v, (*path, key), inner, None, colon)
            for key, v in value.items()
        ]
        return "{" + opening + inner.join(pieces) + line + "}" if pieces else "{}"

    @property
    def unit(self) -> str:
        """By how much the members of an object stand further to the right."""
        return _indent(members(self.text)[-1].lead)


@attrs.frozen
class _Said:
    """A value that stands somewhere in a text."""

    member: Member
    text: str
    indent: str


def _at(text: str, path: Path) -> _Said | None:
    """Find the value at *path*, None if there is none."""
    found = None
    for key in path:
        if not text.startswith("{") and found is not None:
            return None
        member = {member.key: member for member in members(text)}.get(key)
        if member is None:
            return None
        text = text[member.value_start : member.value_end]
        found = _Said(member, text, _indent(member.lead))
    return found


def _indent(lead: str) -> str:
    """Return what stands before a key on its line, "" if the line has more on it."""
    space = lead.partition(",")[2] if "," in lead else lead
    return space.rpartition("\n")[2] if "\n" in space else ""


def _deeper(text: str, before: str, after: str) -> str:
    """Move the lines of a value as far to the right as its key moves.

    A JSON string has no line breaks in it, so this changes only the layout.
    """
    if not after.startswith(before):
        return text
    return text.replace("\n", "\n" + after[len(before) :])


def _deeper_undone(text: str, before: str, after: str) -> str:
    if not after.startswith(before):
        return text
    line = "\n" + after[len(before) :]
    # Another program may have changed the layout.
    undone = text.count(line) == text.count("\n")
    return text.replace(line, "\n") if undone else text


def _written(value: object, like: str, text: str) -> str:
    """Write *value* down, a list laid out as the one whose text is *like*."""
    if not isinstance(value, (list, tuple)):
        return _plain(value, text)
    opening, between, closing = _layout(like)
    if not value:
        return "[]"
    return f"[{opening}{between.join(_plain(v, text) for v in value)}{closing}]"


def _plain(value: object, text: str) -> str:
    if not text.isascii():
        written = json.dumps(value, ensure_ascii=False)
        try:
            written.encode()
        except UnicodeEncodeError:  # a path that is not UTF-8
            pass
        else:
            return written
    return json.dumps(value)


def _layout(like: str) -> tuple[str, str, str]:
    """Return what stands before, between and after the items of a JSON list."""
    if not like.startswith("["):
        return "", ", ", ""
    first = _skip(like, 1)
    opening = like[1:first]
    if like[first] == "]":
        return "", ", ", ""
    item_end = _DECODER.raw_decode(like, first)[1]
    comma = _skip(like, item_end)
    if like[comma] == ",":
        between = like[item_end : _skip(like, comma + 1)]
    else:
        between = "," + (opening or " ")
    closing = like[len(like[:-1].rstrip(_WHITESPACE)) : -1]
    return opening, between, closing
