"""A kernel's answer to ``usage_request``, in a job that has a memory limit.

Knows which fields of it speak of the whole machine. Must not know how the job's memory
is measured, nor who asks. jupyter-resource-usage shows these fields, and of a job's
300 MB it would say 25 GB. Its own sources and ipykernel's are the only description of
this message; a kernel that does not know it is not asked for more.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from ipr.jupyter.signing import Signer
from ipr.jupyter.wire import JSON, Envelope, Malformed
from ipr.kernel.memory import Usage

#: The field, as ``psutil.virtual_memory()`` has it.
FIELD = "host_virtual_memory"


def correct(
    envelope: Envelope, job: Callable[[], Usage | None], signer: Signer
) -> None:
    """Put the job's limit and use in place of the machine's, if there is a limit.

    :param job: returns what the job uses.
    """
    with suppress(Malformed):
        content = envelope.content
        corrected = of_job(content, job())
        if corrected is not content:
            envelope.body = signer.resign(envelope.body, content=corrected)


def of_job(content: JSON, usage: Usage | None) -> JSON:
    """Return the content as it is in the job; the same object where nothing changes.

    :param content: of a ``usage_reply``.
    """
    machine = content.get(FIELD)
    if usage is None or not usage.limit or not isinstance(machine, dict):
        return content
    total = machine.get("total")
    if not isinstance(total, int | float) or usage.limit >= total:
        return content
    used = min(usage.used, usage.limit)
    left = usage.limit - used
    # The machine may have less to give than the limit allows.
    available = machine.get("available")
    if isinstance(available, int | float) and 0 <= available < left:
        left = int(available)
    memory = {
        "total": usage.limit,
        "available": left,
        "percent": round(100 * used / usage.limit, 1),
        "used": used,
        "free": left,
        # Page cache is not counted: it can be dropped at any time.
        "active": used,
        "inactive": 0,
    }
    # Nothing is said that the kernel has not said; buffers and the like stay.
    known = {key: memory.get(key, value) for key, value in machine.items()}
    return {**content, FIELD: known}
