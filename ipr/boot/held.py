"""The ports of the front, held from the first moment on.

Knows how to keep others from a port that is not listened on yet. Must not know who is
going to listen. Nothing heavy is imported: the first inner kernel is started after it.

The manager has chosen the ports, and let go of them again. Whoever asks the system for
any free port may be given one of them until the front listens, a fifth of a second
later; and our own first inner kernel, which starts meanwhile, is one that asks.
"""

from __future__ import annotations

import _socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ipr.boot.connection import Outer


def hold(outer: Outer) -> list[_socket.socket]:
    """Bind the ports of a connection file without listening on them.

    The front can listen there all the same: its sockets have ``SO_REUSEADDR``, as
    these have, and Linux then refuses only where one listens (socket(7)).

    :returns: the sockets; to be closed when the front listens. A port that cannot be
        had is left out: the front says so, if it still is in use by then.
    """
    held: list[_socket.socket] = []
    family = _socket.AF_INET6 if ":" in outer.ip else _socket.AF_INET
    if outer.transport != "tcp" or not _is_numeric(family, outer.ip):
        return held
    for port in outer.ports.values():
        holding = _socket.socket(family)
        try:
            holding.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
            holding.bind((outer.ip, port))
        except OSError:
            holding.close()
        else:
            held.append(holding)
    return held


def _is_numeric(family: int, ip: str) -> bool:
    """Whether it needs nobody to be asked, who may not answer."""
    try:
        _socket.inet_pton(family, ip)
    except OSError:
        return False
    return True
