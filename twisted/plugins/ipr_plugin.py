"""``twistd ipr``: the daemon in a terminal, for debugging by hand."""

from twisted.application.service import ServiceMaker

ipr = ServiceMaker(
    "ipr", "ipr.daemon.tap", "A Jupyter kernel that can be restarted in place", "ipr"
)
