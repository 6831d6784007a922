"""What W&B's SDK has noted of its requests with history lines: whether one waits to be repeated, or was refused.

The SDK's own log is JSON, a record a line. `finish()` returns as if all was well where W&B refused the rows, and does
not return while a request waits to be repeated, so the log is the only word of either.

| the SDK notes of the request                                      | the rows                                      |
|-------------------------------------------------------------------|-----------------------------------------------|
| `filestream: request sent`                                        | were taken; when they show is another matter  |
| `api: HTTP error`, status 400 to 499: not to be repeated          | were refused: W&B has none of them            |
| `api: retrying error` … `connection refused`                      | never reached W&B                             |
| `api: retrying …` with anything else, such as a lost answer       | may have been taken                           |

The SDK sends one request after another, and none after one that failed; so of the lines that were logged the first ones
have been taken, or may have been, and the rest has not. What is not understood counts as taken: only these words, in
this order, prove that a line was not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from watcher.model import JsonObject

_STREAM = "/file_stream"


@dataclass(frozen=True, slots=True)
class Transmission:
    """`stuck`: a request waits to be repeated. `reached`: so many of the first lines W&B has got, or may have; None
    where it may have all of them.
    """

    stuck: bool = False
    reached: int | None = None


def transmission(log: Path) -> Transmission:
    """What the log says so far; nothing where it cannot be read."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return Transmission()
    return read_transmission(text)


def read_transmission(text: str) -> Transmission:
    """What the SDK's log says of its requests with history lines.

    >>> sent = '{"msg": "filestream: sending request", "total_files": 1, "history_lines": 2}'
    >>> read_transmission(sent + chr(10) + '{"msg": "api: HTTP error", "status": 403, "url": "http://h/file_stream"}')
    Transmission(stuck=False, reached=0)
    >>> read_transmission(sent + chr(10) + '{"msg": "api: retrying error", "error": "Post http://h/file_stream: EOF"}')
    Transmission(stuck=True, reached=2)
    """
    given = last = 0
    known = stuck = failed = ambiguous = False
    for record in _records(text):
        said = str(record.get("msg", ""))
        if said == "filestream: sending request":
            last = int(record.get("history_lines") or 0)
            given += last
            # The SDK counts a request's files and its history lines in one breath; one without lines has none of them.
            known = known or "total_files" in record
            stuck = failed = ambiguous = False
        elif said == "filestream: request sent":
            stuck = failed = False
        elif _STREAM in f"{record.get('url')} {record.get('error')}":
            stuck, failed = said.startswith("api: retrying"), True
            if _is_refusal(said, record) and not ambiguous:
                given, last = given - last, 0
            else:
                # Whatever is said of a later attempt, this one may have been taken.
                ambiguous = True
    return Transmission(stuck, given if failed and known else None)


def _is_refusal(said: str, record: JsonObject) -> bool:
    if said == "api: HTTP error":
        return int(record.get("status") or 0) in range(400, 500)
    return said == "api: retrying error" and "connection refused" in str(record.get("error"))


def _records(text: str) -> Iterator[JsonObject]:
    for line in text.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record
