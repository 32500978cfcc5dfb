"""``twistd ipr``: the daemon in a terminal, for debugging by hand."""

from twisted.application.service import ServiceMaker

ipr = ServiceMaker(
    "ipr", "ipr.tap", "A Jupyter kernel that can be restarted in place", "ipr"
)
