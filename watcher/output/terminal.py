"""Where answers go: a console that shows nothing raw, and a standard output that holds the answer alone."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from watcher.output.printable import inert, printable_document


class Terminal(Console):
    """A console that takes text as it is (no markup, no emoji codes) and lays out only what cannot steer a terminal.

    The gate is in front of the layout, so that a character which is shown as its escape breaks no table.
    """

    def __init__(self, file: Any = None, *, stderr: bool = False) -> None:
        super().__init__(file=file, stderr=stderr, markup=False, emoji=False, highlight=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of what is shown, each of them inert."""
        for segment in super().render(renderable, options):
            if segment.control or (segment.text.isascii() and segment.text.isprintable()):
                yield segment
            else:
                yield Segment(inert(segment.text), segment.style)


@contextmanager
def sole_output() -> Iterator[TextIO]:
    """Standard output for the answer of a command alone; all else that is written there goes to standard error.

    A plug-in that prints, its libraries and programs that it starts would otherwise break a JSON document.
    """
    own = sys.stdout
    own.flush()
    kept = os.dup(1)
    answer = os.fdopen(os.dup(kept), "w", encoding="utf-8") if _descriptor(own) == 1 else own
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    try:
        yield answer
        answer.flush()
    finally:
        sys.stdout = own
        os.dup2(kept, 1)
        os.close(kept)
        if answer is not own:
            answer.close()


def write_document(document: Mapping[str, object], output: TextIO) -> None:
    """A document as JSON, each text in it fit for one line (`printable_document`). Raises ValueError for NaN."""
    output.write(_in_lines(printable_document(document)))


def _in_lines(document: Mapping[str, object]) -> str:
    """JSON with a line for each item of a list: to indent all of it, `json` takes a second for a thousand checkpoints.

    >>> print(_in_lines({"checkpoints": [{"step": 50}, {"step": 100}], "warnings": []}), end="")
    {"checkpoints": [
    {"step": 50},
    {"step": 100}
    ],
    "warnings": [
    ]}
    """
    write = json.JSONEncoder(allow_nan=False).encode

    def shown(value: object) -> str:
        if not isinstance(value, list):
            return write(value)
        return "\n".join(("[", *([",\n".join(map(write, value))] if value else []), "]"))

    return "{" + ",\n".join(f"{write(name)}: {shown(value)}" for name, value in document.items()) + "}\n"


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (io.UnsupportedOperation, ValueError):
        return None
