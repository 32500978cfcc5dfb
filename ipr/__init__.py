"""Restart a Jupyter kernel in place, behind the connections of its clients."""

__version__ = "0.2.0"
