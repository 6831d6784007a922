"""Arguments and settings that no file system and no text can hold are refused by name, before anything runs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from watcher.model import Reason, UimonError

LONGEST_NAME: Final = 255
"""Bytes of one name in a path: NAME_MAX of Linux."""
LONGEST_PATH: Final = 4095
"""Bytes of a path: PATH_MAX of Linux, less the NUL at its end."""
LONGEST_TEXT: Final = 100_000
"""Characters of a text. Linux gives a program no argument of more than 128 KiB."""


_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/(.*)", re.DOTALL)
"""What `Path` makes of `scheme://place`: it takes two slashes for one."""


class Parameter(Protocol):
    """An option or argument of a command: its parameter's `name`, and what people write in `opts`."""

    name: str | None
    opts: list[str]


def require_usable(parameters: Sequence[Parameter], values: Mapping[str, object]) -> None:
    """Raises UimonError(CONFIG_INVALID) for the first value of a command's parameters that is of no use."""
    for parameter in parameters:
        for value in _each(values.get(parameter.name or "")):
            if trouble := trouble_of(value):
                name = parameter.opts[0] if parameter.opts[0].startswith("-") else (parameter.name or "").upper()
                raise UimonError(
                    Reason.CONFIG_INVALID, f"{name} cannot be {shown(address_in(value) or value)}: {trouble}."
                )


def trouble_of(value: object) -> str:
    """What is wrong with a text or path, in words; empty where nothing is.

    >>> trouble_of("ckpts"), trouble_of(Path("a" * 256)), trouble_of("a\\x00b")
    ('', 'a name in a path has at most 255 bytes', 'a text or path cannot hold a NUL')
    >>> trouble_of(Path("s3://bucket/ckpts"))
    'only directories and files of this machine are used; mount it or copy it here'
    """
    text = str(value)
    if "\0" in text:
        return "a text or path cannot hold a NUL"
    if isinstance(value, Path):
        elsewhere = "only directories and files of this machine are used; mount it or copy it here"
        return elsewhere if address_in(value) else _trouble_of_path(value)
    if len(text) > LONGEST_TEXT:
        return f"a text has at most {LONGEST_TEXT} characters"
    # A path may hold any bytes, which Python keeps as lone surrogates; a text is to be sent and stored.
    return "" if text.isascii() or _is_utf8(text) else "it is not UTF-8"


def address_in(value: object) -> str:
    """The address of which `Path` made this path; empty where it is a path of this machine.

    >>> address_in(Path("s3://bucket/ckpts")), address_in(Path("ckpts/s3:/x")), address_in("s3://bucket")
    ('s3://bucket/ckpts', '', '')
    """
    found = _ADDRESS.fullmatch(str(value)) if isinstance(value, Path) else None
    # A directory's name may end with a colon, too.
    return "" if found is None or os.path.lexists(f"{found[1]}:") else f"{found[1]}://{found[2]}"


def _trouble_of_path(path: Path) -> str:
    try:
        names = [len(part.encode(errors="surrogateescape")) for part in path.parts]
    except UnicodeEncodeError:
        return "it is not UTF-8"
    if any(length > LONGEST_NAME for length in names):
        return f"a name in a path has at most {LONGEST_NAME} bytes"
    return f"a path has at most {LONGEST_PATH} bytes" if sum(names) + len(names) > LONGEST_PATH else ""


def require_utf8(path: Path) -> None:
    """Raises UimonError(CONFIG_INVALID) for a directory that neither the ledger nor W&B can name."""
    if not _is_utf8(str(path)):
        sentence = (
            f"The path {path} is not UTF-8, so that neither the ledger nor W&B can name it; rename the directory."
        )
        raise UimonError(Reason.CONFIG_INVALID, sentence)


def shown(value: object) -> str:
    """A value for a sentence: a number as it is, a text in quotes; a long one shows its beginning.

    >>> shown("a" * 100)
    "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…' (100 characters)"
    """
    text = str(value)
    if text.removeprefix("-").replace(".", "", 1).isdecimal() and len(text) <= 60:
        return text
    return repr(text) if len(text) <= 60 else f"{text[:40] + '…'!r} ({len(text)} characters)"


def whole_number(text: str, most: int = 10**12) -> int | None:
    """The number of this text; None where it is none, or larger than any step is.

    >>> whole_number("200"), whole_number("-1"), whole_number("9" * 5000)
    (200, None, None)
    """
    # Python refuses to read thousands of digits, and SQLite to store more than 64 bits.
    return int(text) if text.isdecimal() and len(text) <= len(str(most)) and int(text) <= most else None


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _each(value: object) -> Iterator[object]:
    if isinstance(value, str | Path):
        yield value
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _each(inner)
