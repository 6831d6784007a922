from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.checkpoints.safetensors_header import SafetensorsError, TensorInfo, parse_header, read_header


def raw(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(begin: int, end: int, dtype: str = "U8", shape: list[int] | None = None) -> dict[str, Any]:
    return {"dtype": dtype, "shape": [end - begin] if shape is None else shape, "data_offsets": [begin, end]}


def test_a_pointer_that_git_left_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(SafetensorsError, match="Git LFS pointer in place of the file, which `git lfs pull` fetches"):
        read_header(path)


def test_reads_what_the_library_wrote(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    path = tmp_path / "model.safetensors"
    tensors = {"w": torch.zeros(3, 5, dtype=torch.bfloat16), "b": torch.ones(7), "empty": torch.zeros(0, 4)}
    save_file(tensors, path, metadata={"format": "pt"})
    header = read_header(path)
    assert {n: (t.dtype, t.shape) for n, t in header.tensors.items()} == {
        "w": ("BF16", (3, 5)),
        "b": ("F32", (7,)),
        "empty": ("F32", (0, 4)),
    }
    assert header.metadata == {"format": "pt"}
    assert header.size == path.stat().st_size == header.data_start + 3 * 5 * 2 + 7 * 4


def test_offsets_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(raw({"a": entry(0, 2), "b": entry(2, 10, "F32", [2])}, b"xxyyyyyyyy"))
    assert read_header(path).tensors == {"a": TensorInfo("U8", (2,), 0, 2), "b": TensorInfo("F32", (2,), 2, 10)}


def test_every_truncation_and_any_trailing_byte_is_refused(tmp_path: Path) -> None:
    whole = raw({"a": entry(0, 40)}, b"x" * 40)
    path = tmp_path / "f"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(SafetensorsError):
            read_header(path)
    path.write_bytes(whole + b"x")
    with pytest.raises(SafetensorsError, match="long where its header says"):
        read_header(path)
    path.write_bytes(whole)
    assert read_header(path).size == len(whole)


def test_full_length_with_a_hole_is_refused(tmp_path: Path) -> None:
    start = raw({"a": entry(0, 4_000_000)})
    path = tmp_path / "f"
    path.write_bytes(start + b"x" * 1_000_000)
    os.truncate(path, len(start) + 4_000_000)
    with pytest.raises(SafetensorsError, match="never written"):
        read_header(path)
    path.write_bytes(start + bytes(4_000_000))  # zeros that were written are data
    assert read_header(path).size == len(start) + 4_000_000


@pytest.mark.parametrize(
    ("header", "word"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"[" * 100_000, "not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"a": 1, "a": 2}', "occurs twice"),
        ({"a": 1}, "not an object"),
        ({"a": {"dtype": "U8", "shape": [1]}}, "no dtype, shape or data_offsets"),
        ({"a": {"dtype": "U8", "shape": [-1], "data_offsets": [0, 1]}}, "no dtype, shape or data_offsets"),
        ({"a": {"dtype": "U8", "shape": [True], "data_offsets": [0, 1]}}, "no dtype, shape or data_offsets"),
        ({"a": {"dtype": "U8", "shape": [2**70], "data_offsets": [0, 1]}}, "no dtype, shape or data_offsets"),
        ({"a": entry(0, 4, "F32", [2])}, "do not fit its shape"),
        ({"a": entry(0, 4), "b": entry(5, 6)}, "gap or overlap"),
        ({"a": entry(0, 4), "b": entry(3, 6)}, "gap or overlap"),
        ({"a": {"dtype": "X9", "shape": [1], "data_offsets": [0, 0]}, "b": entry(4, 5)}, "gap or overlap"),
        ({"__metadata__": 3}, "metadata"),
    ],
)
def test_malformed_headers_are_refused_in_words(tmp_path: Path, header: Any, word: str) -> None:
    path = tmp_path / "f"
    path.write_bytes(raw(header, b"x" * 4))
    with pytest.raises(SafetensorsError, match=word):
        read_header(path)


def test_a_stated_header_of_exabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"\xff" * 8 + b"{}")
    with pytest.raises(SafetensorsError, match="more than the 16,777,216 allowed"):
        read_header(path)


def test_a_dtype_newer_than_the_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(raw({"a": entry(0, 4, "F7_NEW", [3])}, b"xxxx"))
    assert read_header(path).tensors["a"].dtype == "F7_NEW"


def test_a_pipe_or_directory_of_that_name_neither_hangs_nor_passes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SafetensorsError, match="regular file"):
        read_header(tmp_path / "pipe")
    with pytest.raises(OSError, match="directory"):
        read_header(tmp_path)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_either_parse_or_are_refused(text: bytes) -> None:
    try:
        parse_header(text)
    except SafetensorsError:
        return
