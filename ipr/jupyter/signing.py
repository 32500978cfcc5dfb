"""Signatures of messages.

Knows how a message is signed (Jupyter messaging specification, "The Wire
Protocol"), and which signatures have been seen. Must not know sockets, or what a
message means.
"""

from __future__ import annotations

import hmac
from collections import deque
from typing import Protocol

from ipr.jupyter.wire import (
    CONTENT,
    DELIMITER,
    HEADER,
    JSON,
    SIGNATURE,
    SIGNED,
    Frame,
    dumps,
)


class Signer:
    """Signs and verifies with the key of one connection file.

    The key schedule is computed once and copied for each message.

    :param key: ``key`` of the connection file, as bytes; empty switches
        signatures off, as everywhere in Jupyter.
    :param scheme: ``signature_scheme``, for instance ``hmac-sha256``.
    :raises ValueError: when the scheme is unknown.
    """

    def __init__(self, key: bytes, scheme: str = "hmac-sha256") -> None:
        prefix, _, name = scheme.partition("-")
        try:
            keyed = hmac.new(key, digestmod=name if prefix == "hmac" else "")
            # A digest without a fixed size, such as shake_128, has 0.
            _ = 1 // keyed.digest_size
        except (TypeError, ValueError, ZeroDivisionError):
            raise ValueError(
                f"unknown signature_scheme {scheme!r} in the connection file;"
                " the usual one is 'hmac-sha256'"
            ) from None
        self._keyed = keyed if key else None
        self._length = 2 * self._keyed.digest_size if self._keyed else 0

    @property
    def signs(self) -> bool:
        """Whether there is a key at all."""
        return self._keyed is not None

    def sign(self, signed: list[Frame]) -> bytes:
        """Return the signature over header, parent, metadata and content."""
        if self._keyed is None:
            return b""
        digest = self._keyed.copy()
        for frame in signed:
            digest.update(frame)
        return digest.hexdigest().encode()

    def verifies(self, body: list[Frame]) -> bool:
        """Whether the signature frame of ``body`` fits the signed frames."""
        if self._keyed is None:
            return True
        signature = body[SIGNATURE]
        # A frame of another length is no signature: nothing need be computed.
        if len(signature) != self._length:
            return False
        return hmac.compare_digest(bytes(signature), self.sign(body[SIGNED]))

    def body(
        self, header: bytes, parent: bytes, metadata: bytes, content: bytes
    ) -> list[Frame]:
        """Return a whole signed body, without buffers."""
        signed = [header, parent, metadata, content]
        return [DELIMITER, self.sign(signed), *signed]

    def resign(
        self,
        body: list[Frame],
        *,
        header: JSON | None = None,
        content: JSON | None = None,
    ) -> list[Frame]:
        """Return ``body`` with another header or content, signed again.

        Only for a body that was verified: the new signature vouches for it.

        :raises Malformed: when it is nested too deeply to be written.
        """
        changed = list(body)
        if header is not None:
            changed[HEADER] = dumps(header)
        if content is not None:
            changed[CONTENT] = dumps(content)
        changed[SIGNATURE] = self.sign(changed[SIGNED])
        return changed


class Replays:
    """The signatures seen lately, as ``jupyter_client.session.Session`` keeps.

    A signature is remembered after it was verified, so that nobody without
    the key can fill the memory.

    :param limit: how many are kept; the oldest go first.
    """

    def __init__(self, limit: int = 65536) -> None:
        self._limit = limit
        self._seen: set[bytes] = set()
        # Not the order of a dict: its first entry is looked for among the places
        # of all that went before, 30 microseconds for each message.
        self._order: deque[bytes] = deque()

    def fresh(self, signature: bytes) -> bool:
        """Remember ``signature``; False when it was there before."""
        seen = self._seen
        if signature in seen:
            return False
        seen.add(signature)
        self._order.append(signature)
        if len(seen) > self._limit:
            seen.remove(self._order.popleft())
        return True


class _Resign(Protocol):
    def __call__(
        self,
        body: list[Frame],
        *,
        header: JSON | None = None,
        content: JSON | None = None,
    ) -> list[Frame]: ...


def resigning(signer: Signer, replays: Replays) -> _Resign:
    """Return what signs a request again, and notes the signature."""

    def resigned(
        body: list[Frame],
        *,
        header: JSON | None = None,
        content: JSON | None = None,
    ) -> list[Frame]:
        body = signer.resign(body, header=header, content=content)
        replays.fresh(body[SIGNATURE])
        return body

    return resigned
