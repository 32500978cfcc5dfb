"""Frames on the wire.

Knows the layout of a Jupyter message as ZeroMQ frames. Must not know ZeroMQ,
Twisted, how a message is signed, or what it means.

The layout, from the Jupyter messaging specification ("The Wire Protocol")::

    identity, ...           zero or more, put on and taken off by ROUTER sockets
                            (on iopub: the topic)
    b"<IDS|MSG>"            the delimiter
    signature               hex HMAC of the next four frames, or empty
    header                  JSON object
    parent header           JSON object (or null, from xeus)
    metadata                JSON object
    content                 JSON object
    buffer, ...             zero or more, not signed

What is only relayed stays the very frames that came: they are cut apart and
looked at, never rebuilt.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

import attrs

DELIMITER = b"<IDS|MSG>"

# Indices into Envelope.body.
SIGNATURE, HEADER, PARENT, METADATA, CONTENT = 1, 2, 3, 4, 5
SIGNED = slice(HEADER, CONTENT + 1)
LEAST = CONTENT + 1
#: Frames that are read of a client's message. Anybody can send any number of them,
#: each of which takes a hundred bytes of memory.
MOST_FRAMES = 10_000

# A frame is bytes or, where it is only relayed, whatever the socket gave that has
# the buffer protocol and a length (zmq.Frame). Only content and buffers can be such
# a one; a type cannot say that of a place in a list, so that here stands Any.
Frame = Any
JSON = dict[str, Any]


class Malformed(ValueError):
    """The frames are no Jupyter message; the text says why."""


@attrs.define(slots=True, eq=False)
class Envelope:
    """One message, cut at the delimiter and parsed when asked.

    :ivar identities: the frames before the delimiter.
    :ivar body: the delimiter and all that follows, as it came.
    :ivar repeated: whether a kernel had begun with it before.
    """

    identities: list[bytes]
    body: list[Frame]
    _header: JSON | None = None
    _parent: JSON | None = None
    repeated: bool = attrs.field(default=False, init=False)

    @property
    def header(self) -> JSON:
        """The header.

        :raises Malformed: when it is no JSON object with a ``msg_id`` and a
            ``msg_type`` that is a string, or its ``subshell_id`` is none.
        """
        if self._header is None:
            header = parse_object(self.body[HEADER], "header")
            if "msg_id" not in header or not isinstance(header.get("msg_type"), str):
                raise Malformed("the header lacks msg_id or msg_type")
            if not isinstance(header.get("subshell_id"), str | None):
                raise Malformed("the header's subshell_id is no string")
            self._header = header
        return self._header

    @property
    def parent(self) -> JSON:
        """The parent header; ``{}`` where it is null (xeus sends that).

        :raises Malformed: when it is not JSON, or neither object nor null.
        """
        if self._parent is None:
            self._parent = parse_object(self.body[PARENT], "parent header")
        return self._parent

    @property
    def parent_id(self) -> str:
        """The parent's ``msg_id`` as of :func:`id_of`.

        :raises Malformed: as :attr:`parent`.
        """
        frame = self.body[PARENT]
        quick = quick_id(frame) if isinstance(frame, bytes) else None
        if quick is not None:
            return quick
        return id_of(self.parent)

    @property
    def content(self) -> JSON:
        """The content, parsed at each call.

        :raises Malformed: when it is no JSON object.
        """
        return parse_object(self.body[CONTENT], "content")

    @property
    def size(self) -> int:
        """Bytes of all frames together."""
        return sum(map(len, self.body)) + sum(map(len, self.identities))


def id_of(header: JSON) -> str:
    """Return the ``msg_id`` as a key, or ``""`` where there is none.

    The protocol wants a string. Kernels copy whatever they get, and so clients
    that number their messages work: such an id becomes a string that no other
    id can be.
    """
    found = header.get("msg_id", "")
    return found if isinstance(found, str) else f"\0{found!r}"


def parse_object(frame: Frame, what: str) -> JSON:
    """Parse one JSON object; null counts as an empty one.

    :param frame: UTF-8 JSON; bytes that are not UTF-8 count as U+FFFD, as in
        jupyter_client.
    :param what: the frame's name, for the error.
    :raises Malformed: when it is anything else.
    """
    text = frame if isinstance(frame, bytes) else bytes(frame)
    try:
        try:
            value = json.loads(text)
        except UnicodeDecodeError:
            value = json.loads(text.decode(errors="replace"))
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the {what} is not JSON: {error}") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Malformed(f"the {what} is not a JSON object")
    return value


@lru_cache(256)
def quick_id(frame: bytes) -> str | None:
    """Find the ``msg_id`` of a header without parsing it; None: parse it.

    Ten times cheaper than JSON, and sure: the key stands there once, and
    nothing in the frame is escaped. Remembered, since a kernel repeats the
    same parent header in all that it says of a request.
    """
    found = _ID.findall(frame)
    if len(found) != 1 or b"\\" in frame:
        return None
    try:
        text: str = found[0].decode()
    except UnicodeDecodeError:
        return None
    return text


def quick_count(frame: Frame) -> int | None:
    """Find the ``execution_count`` of an execute_input; None: parse it.

    In the code beside it the same words would have escaped quotes.
    """
    found = _COUNT.findall(frame)
    return int(found[0]) if len(found) == 1 else None


_ID = re.compile(rb'"msg_id"\s*:\s*"([^"\\]*)"')
_COUNT = re.compile(rb'"execution_count"\s*:\s*(\d{1,18})\b')


def split(frames: list[Frame]) -> Envelope:
    """Cut a multipart message at the delimiter.

    :param frames: the message as received.
    :raises Malformed: when the delimiter is missing or too few frames follow.
    """
    try:
        cut = frames.index(DELIMITER)
    except ValueError:
        raise Malformed("no delimiter <IDS|MSG>") from None
    if len(frames) - cut < LEAST:
        raise Malformed(f"{len(frames) - cut} frames from the delimiter on, not 6")
    return Envelope(frames[:cut], frames[cut:])


def dumps(value: JSON) -> bytes:
    """Return JSON as one frame: UTF-8; lone surrogates come out as escapes.

    :raises Malformed: when it is nested too deeply.
    """
    try:
        return json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return json.dumps(value, default=str).encode()
    except RecursionError:
        raise Malformed("it is nested too deeply to be written") from None
