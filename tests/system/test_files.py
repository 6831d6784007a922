"""Files of others: what is no regular file, has no end, or would become gigabytes, is refused and named."""

from __future__ import annotations

import gzip
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from watcher.model import Reason, UimonError
from watcher.system.files import open_regular, parse_json, read_bytes, read_tail, require_regular
from watcher.validation import load_val
from watcher.validation.files import Unreadable, read_values


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def directory(path: Path) -> None:
    path.mkdir()


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        here = Path.cwd()
        os.chdir(path.parent)  # the name of a socket has 107 characters at most
        try:
            bound.bind(path.name)
        finally:
            os.chdir(here)


SPECIAL = [pipe, device, directory, listening]


@pytest.mark.parametrize("make", SPECIAL)
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "f")
    for read in (open_regular, read_bytes):
        with pytest.raises(OSError):  # noqa: PT011
            read(tmp_path / "f")


def test_no_more_is_read_than_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"x" * 100)
    assert read_bytes(file, 100) == b"x" * 100
    assert read_tail(file, 3) == b"xxx"
    with pytest.raises(OSError, match="more than 0 MiB") as caught:
        read_bytes(file, 99)
    assert caught.value.filename == str(file)


@pytest.mark.parametrize(
    "text", [b"[" * 100_000, b"1" * 5000, b"[" + b"1," * 1_000_001 + b"1]", b"\xff", b"{", "{}".encode("utf-16")]
)
def test_json_that_costs_too_much_or_is_none_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_json(text)


@pytest.mark.parametrize("make", [pipe, device, listening])
def test_a_directory_with_a_special_file_is_refused_by_its_name(tmp_path: Path, make: Callable[[Path], None]) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    require_regular(tmp_path)
    make(tmp_path / "generation_config.json")
    with pytest.raises(UimonError, match=r"generation_config\.json: it is neither") as caught:
        require_regular(tmp_path)
    assert caught.value.reason is Reason.UNREADABLE


@pytest.mark.parametrize("make", SPECIAL)
def test_a_validation_file_that_is_none_is_named(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "val.jsonl")
    with pytest.raises(UimonError, match=r"val\.jsonl") as caught:
        load_val(tmp_path / "val.jsonl")
    assert caught.value.reason is Reason.VAL_MISSING


def test_a_packed_file_of_gigabytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watcher.validation.files.FILE_LIMIT", 10**6)
    file = tmp_path / "val.jsonl.gz"
    file.write_bytes(gzip.compress(json.dumps({"prompt": "x" * 2_000_000}).encode()))
    assert file.stat().st_size < 10_000
    with pytest.raises(Unreadable, match="once it is unpacked"):
        read_values(file)
