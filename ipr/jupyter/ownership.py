"""What a kernel manager's provisioner and the daemon tell each other.

Knows the fields of the greeting, of the order, and of their answers. Must not know
who sends what when, nor what follows from it. All of it goes over control::

    kernel_info_request   {"ipr": {"owner": the manager's session id}}
    kernel_info_reply     {..., "ipr": {"restart": true, "owner": whom the daemon takes
                           for its owner, "asked": how many of the owner's
                           shutdown_request{restart: true} have come, "generation"}}
    ipr_restart_request   {"now": bool, "env": {NAME: value or null}, "cwd": "" or path}
    ipr_restart_reply     {"status": "ok", "ignored": names of fields}, or an error

Each has an answer on control, and no busy and idle on iopub: the ids of the manager's
own clients may be the same, and an idle would end a cell of theirs.
"""

from __future__ import annotations

import attrs

from ipr.jupyter.messages import Draft, ok_reply
from ipr.jupyter.wire import JSON

#: The field of kernel_info_request and kernel_info_reply.
FIELD = "ipr"
#: The type of an order.
ORDER = "ipr_restart_request"
#: Characters of the longest session id that is listened to.
LONGEST_ID = 256
#: Variables that an order may change.
MOST_VARIABLES = 10_000


class Wrong(ValueError):
    """An order makes no sense; the text says why."""


@attrs.frozen
class Greeting:
    """Who restarts in place.

    :ivar session: the session id from which orders are taken.
    :ivar owner: the manager's, from which shutdown_requests come.
    """

    session: str
    owner: str


@attrs.frozen
class Order:
    """A restart.

    :ivar now: as ``%restart now``.
    :ivar env: what differs in the environment; None removes a variable.
    :ivar cwd: the folder to start in; ``""``: as before.
    """

    now: bool = False
    env: tuple[tuple[str, str | None], ...] = ()
    cwd: str = ""


def greeting(header: JSON, content: JSON) -> Greeting | None:
    """Return the greeting in a kernel_info_request; None: there is no proper one."""
    said = content.get(FIELD)
    owner = _id(said.get("owner")) if isinstance(said, dict) else ""
    session = _id(header.get("session"))
    return Greeting(session, owner) if owner and session else None


def greeted(info: Draft, owner: str, asked: int, generation: int) -> Draft:
    """Return the answer to a greeting.

    :param info: the kernel_info_reply that everybody gets.
    """
    said = {"restart": True, "owner": owner, "asked": asked, "generation": generation}
    return attrs.evolve(info, content={**info.content, FIELD: said})


def order(content: JSON) -> Order:
    """Return the order in an ipr_restart_request; what is left out is as before.

    :raises Wrong: it makes no sense.
    """
    now = content.get("now", False)
    env = content.get("env", {})
    cwd = content.get("cwd", "")
    if not isinstance(now, bool):
        raise Wrong('"now" has to be true or false')
    if not isinstance(cwd, str):
        raise Wrong('"cwd" has to be a path, or "" for the folder as it is')
    if not isinstance(env, dict) or not all(
        value is None or isinstance(value, str) for value in env.values()
    ):
        raise Wrong('"env" has to map names to values, or to null to take them out')
    if len(env) > MOST_VARIABLES:
        raise Wrong(f'"env" has more than {MOST_VARIABLES} variables')
    return Order(now, tuple(env.items()), cwd)


def ordered(ignored: tuple[str, ...]) -> Draft:
    """Return the answer to an order that is carried out.

    :param ignored: the fields that could not be had, and are as before.
    """
    return ok_reply(ORDER, ignored=list(ignored))


def _id(found: object) -> str:
    """Return a session id, or ``""`` where it is none."""
    usable = isinstance(found, str) and len(found) <= LONGEST_ID
    return str(found) if usable else ""
