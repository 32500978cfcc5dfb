"""What a command cannot do.

Knows that it is one sentence. Must not know any.
"""

from __future__ import annotations


class Problem(Exception):
    """Something cannot be done; the text says what, and what to do."""
