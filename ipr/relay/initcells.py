"""A cell that begins with ``%ipr init``: it runs as any, and again in each new kernel.

Knows that the lines after the first run under the cell's own request, and that they are
kept when they went well. Must not know when they run again.
"""

from __future__ import annotations

from functools import partial

from twisted.logger import Logger

from ipr.jupyter import messages
from ipr.jupyter.wire import Envelope, Malformed
from ipr.relay.answers import Publish
from ipr.relay.conversation import Conversation
from ipr.relay.gate import NOT_SENT
from ipr.relay.initcode import InitCell, InitCode
from ipr.relay.kept import Kept, Whole
from ipr.relay.request import Request
from ipr.relay.voice import Voice

#: What a cell says that is not kept.
FAILED = "This cell failed: it is not kept as an init cell.\n"


def run(
    voice: Voice,
    conversation: Conversation,
    envelope: Envelope,
    init: InitCode,
    cell: InitCell,
) -> None:
    """Have the kernel run the lines, and keep them."""
    request = Request.of("shell", envelope)
    silent = request.field("silent", False)

    def over(whole: Whole) -> None:
        try:
            well = whole.status == "ok"
        except Malformed:
            well = False
        if well:
            init.keep(cell)
            if ran is not None:
                ran.kept = True
        shown = () if well or silent else (messages.stream(FAILED, "stderr"),)
        conversation.deliver(request, whole, *shown)

    # All of the cell is shown as what runs.
    numbered = partial(_numbered, voice, request)
    request.progress.kept = Kept(over=over, lost=lambda: None, numbered=numbered)
    ran = None
    try:
        conversation.send_lines(request, envelope.body, cell.code)
        ran = request.progress.ran
    except Exception:
        _log.failure("The lines of an init cell could not be sent")
        if not request.progress.number:
            voice.refuse(request, NOT_SENT)


def _numbered(voice: Voice, request: Request, count: int) -> None:
    code = request.field("code", "")
    voice.post(request, (Publish(messages.execute_input(code, count)),))


_log = Logger()
