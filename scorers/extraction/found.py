"""The words of the extraction: how code was found, why none was, and the files of an answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from scorers.source import SourceFile


class AnswerShape(StrEnum):
    """In what shape the page was found, or why none was.

    Where shapes hold one another, the outermost that needs decoding counts: a tool call, JSON, an edit, then a wrapper
    tag, then a fence. The reasons from `UNSUPPORTED` on stand beside no code.
    """

    FILE = "file"
    FENCE = "fence"
    FENCE_OPEN = "fence_open"
    WRAPPER = "wrapper"
    JSON = "json"
    TOOL_CALL = "tool_call"
    EDIT = "edit"
    ESCAPED = "escaped"
    DOCUMENT = "document"
    MODULE = "module"
    FRAGMENT = "fragment"
    UNSUPPORTED = "unsupported"
    THINK_UNCLOSED = "think_unclosed"
    EDIT_UNAPPLIED = "edit_unapplied"
    JSON_BROKEN = "json_broken"
    OTHER_CODE = "other_code"
    BINARY = "binary"
    NONE = "none"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Extraction:
    """The files of an answer, the page first; none where there is no code that can be read.

    `reasoning` is what was thought, `prose` what was said around the code.
    """

    found: AnswerShape
    files: tuple[SourceFile, ...] = ()
    reasoning: str = ""
    prose: str = ""

    @property
    def code(self) -> str:
        """The page's code; empty where there is none."""
        return self.files[0].code if self.files else ""

    @property
    def language(self) -> str | None:
        """The page's language."""
        return self.files[0].language if self.files else None

    @property
    def cut(self) -> bool:
        """Whether the text ends inside one of the files."""
        return any(file.cut for file in self.files)
