"""What a reader of some language says of one file."""

from __future__ import annotations

from dataclasses import dataclass

from scorers.contents import Contents
from scorers.verdict import SyntaxVerdict


@dataclass(frozen=True, slots=True)
class FileReading:
    """What was found in one file: whether it parses, and what stands in it. `unread` says why that cannot be known,
    and is empty where it is."""

    verdict: SyntaxVerdict
    contents: Contents
    unread: str = ""
