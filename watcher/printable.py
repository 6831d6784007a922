"""Model output and file names in a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Text that cannot steer a terminal: whatever is not printable is shown as its escape.

    >>> printable("a\\x1b[31mb")
    'a\\\\x1b[31mb'
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
