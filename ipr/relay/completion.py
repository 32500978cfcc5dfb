"""Our own words where a kernel would complete, explain or judge a line.

Knows ``%restart`` and ``%ipr`` as :mod:`ipr.jupyter.magichelp` does, how they are
merged into the kernel's own completions, and who knows the names of kernelspecs. Must
not know anything else.
"""

from __future__ import annotations

from contextlib import suppress

from ipr.boot import kernels
from ipr.jupyter import magichelp, magics, messages
from ipr.jupyter.messages import Draft
from ipr.jupyter.signing import Signer
from ipr.jupyter.wire import CONTENT, Envelope, Malformed
from ipr.relay.answers import Reply
from ipr.relay.request import Request
from ipr.relay.voice import Voice

#: The completions of ours that the kernel's are to be merged with, and the code,
#: by the msg_id of the request.
Merging = dict[str, tuple[magichelp.Completion, str]]


def complete(
    voice: Voice, channel: str, envelope: Envelope, merging: Merging | None
) -> bool:
    """Complete our own words; the kernel's are put before them.

    :param merging: takes what the kernel is to be asked as well; None: there is
        no kernel.
    :returns: whether it is answered.
    """
    if b"%" not in bytes(envelope.body[CONTENT]):
        return False
    request = Request.of(channel, envelope)
    code = request.field("code", "")
    cursor = request.field("cursor_pos", len(code))
    ours = magichelp.complete(code, cursor, kernels.names)
    if ours is None:
        return False
    if merging is not None and not ours.alone:
        merging[request.msg_id] = (ours, code)
        return False
    voice.answer(request, Reply(Draft("complete_reply", magichelp.reply(ours))))
    return True


def merge(envelope: Envelope, merging: Merging, signer: Signer) -> None:
    """Put ours into the kernel's reply, if it is one of these."""
    with suppress(Malformed):
        found = merging.pop(envelope.parent_id, None)
        if found is not None:
            merged = magichelp.merge(envelope.content, *found)
            envelope.body = signer.resign(envelope.body, content=merged)


def inspect(voice: Voice, channel: str, envelope: Envelope) -> bool:
    """Explain our own words."""
    if b"%" not in bytes(envelope.body[CONTENT]):
        return False
    request = Request.of(channel, envelope)
    code = request.field("code", "")
    text = magichelp.inspect(code, request.field("cursor_pos", len(code)))
    if text is None:
        return False
    content = {"found": True, "data": {"text/plain": text}, "metadata": {}}
    voice.answer(request, Reply(messages.ok_reply("inspect_request", **content)))
    return True


def is_complete(voice: Voice, channel: str, envelope: Envelope) -> bool:
    """Answer that a line of ours is complete, whatever its kernel makes of it."""
    voice.note_console(envelope.identities)
    if not magics.suspicious(bytes(envelope.body[CONTENT])):
        return False
    request = Request.of(channel, envelope)
    if magics.parse(request.field("code", "")) is None:
        return False
    voice.answer(request, Reply(Draft("is_complete_reply", {"status": "complete"})))
    return True
