"""What the SDK's own log proves of rows that were not taken, and what it does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from watcher.trackers.wandb.transmission import Transmission, read_transmission, transmission

URL = "https://api.wandb.ai/files/e/p/r/file_stream"
FIRST = {"msg": "filestream: sending request", "total_files": 1}
ROWS = {"msg": "filestream: sending request", "total_files": 2, "history_offset": 0, "history_lines": 3}
MORE = {"msg": "filestream: sending request", "total_files": 1, "history_offset": 3, "history_lines": 2}
TAKEN = {"msg": "filestream: request sent", "status": "200 OK"}
REFUSED = {"msg": "api: HTTP error", "status": 403, "method": "POST", "url": URL}
BUSY = {"msg": "api: retrying HTTP error", "status": 503, "url": URL, "body": "{}"}
LOST = {"msg": "api: retrying error", "error": f'Post "{URL}": EOF'}
AWAY = {"msg": "api: retrying error", "error": f'Post "{URL}": dial tcp 127.0.0.1:1: connect: connection refused'}
ELSEWHERE = {"msg": "api: HTTP error", "status": 404, "method": "POST", "url": "https://api.wandb.ai/graphql"}


@pytest.mark.parametrize(
    ("what", "records", "found"),
    [
        ("all was taken", [FIRST, TAKEN, ROWS, TAKEN, MORE, TAKEN], Transmission()),
        ("refused", [FIRST, TAKEN, ROWS, REFUSED], Transmission(reached=0)),
        ("the second part refused", [FIRST, TAKEN, ROWS, TAKEN, MORE, REFUSED], Transmission(reached=3)),
        ("an answer lost", [FIRST, TAKEN, ROWS, LOST], Transmission(stuck=True, reached=3)),
        ("503: may have been taken", [FIRST, TAKEN, ROWS, BUSY], Transmission(stuck=True, reached=3)),
        ("nobody there", [FIRST, TAKEN, ROWS, AWAY], Transmission(stuck=True, reached=0)),
        ("refused after a lost answer", [FIRST, TAKEN, ROWS, LOST, REFUSED], Transmission(reached=3)),
        ("the first request, without rows", [FIRST, BUSY], Transmission(stuck=True, reached=0)),
        ("repeated, and taken", [FIRST, TAKEN, ROWS, BUSY, TAKEN], Transmission()),
        ("another request failed", [FIRST, TAKEN, ROWS, TAKEN, ELSEWHERE], Transmission()),
        ("words that nobody knows", [{"msg": "filestream: sending"}, REFUSED], Transmission()),
        ("nothing", [], Transmission()),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_only_what_the_log_says_plainly_is_proven(
    what: str, records: list[dict[str, object]], found: Transmission
) -> None:
    text = "\n".join(["not JSON", "[1]", *(json.dumps(record) for record in records)])
    assert read_transmission(text) == found, what


def test_a_log_that_cannot_be_read_proves_nothing(tmp_path: Path) -> None:
    assert transmission(tmp_path / "missing") == Transmission()
