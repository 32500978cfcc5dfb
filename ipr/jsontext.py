"""Change single members of a JSON object and leave the rest of its text as it is.

Knows where in a text the members of the outermost object lie. Must not know
what the members mean, nor files.

Parsing and dumping again would lose indentation, the way numbers and escapes
are written, and the difference between a file with and without a last newline.
A kernel.json that is patched and restored must come out byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import attrs

_WHITESPACE = " \t\n\r"  # RFC 8259, section 2
_DECODER = json.JSONDecoder()


@attrs.frozen
class Member:
    """One ``"key": value`` of the outermost object, as offsets into its text.

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


def spliced(
    text: str, new: Mapping[str, object], moved: Mapping[str, str] | None = None
) -> str:
    """Give back *text* changed so that it says *new*, as little as can be.

    Members that keep their value keep their text and their place. A member that
    is not in the text yet goes behind the one that it follows in *new*, laid out
    like its neighbours.

    :param moved: for a key whose value changes, the key from which the value
        comes; its text is then taken over as it stands.
    :raises ValueError: the text is not a JSON object, or is an empty one.
    """
    found = members(text)
    if not found:
        raise ValueError("an empty JSON object")
    last = {member.key: member for member in found}
    moved = moved or {}

    def value_text(key: str, anchor: Member) -> str:
        value = new[key]
        origin = last.get(moved.get(key, ""))
        if origin is not None and origin.value == value:
            return text[origin.value_start : origin.value_end]
        return _written(value, text[anchor.value_start : anchor.value_end], text)

    # The first one's lead has no comma.
    lead = found[1].lead if len(found) > 1 else "," + (found[0].lead or " ")
    order = list(new)
    pieces: list[tuple[str, str]] = []
    for member in found:
        if member.key not in new:
            continue
        name = text[member.start : member.value_start]
        if member is not last[member.key] or member.value == new[member.key]:
            body = text[member.value_start : member.value_end]
        else:
            body = value_text(member.key, member)
        pieces.append((member.lead, name + body))
        if member is not last[member.key]:
            continue
        colon = text[member.key_end : member.value_start]
        for key in order[order.index(member.key) + 1 :]:
            if key in last:
                break
            added = json.dumps(key) + colon + value_text(key, member)
            pieces.append((lead, added))
    head = text[: found[0].start]
    tail = text[found[-1].value_end :]
    first, *others = pieces
    return "".join([head, first[1], *(a + b for a, b in others), tail])


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
    """Give what stands before, between and behind the items of a JSON list."""
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
