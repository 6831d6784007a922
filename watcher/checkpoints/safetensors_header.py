"""Reads the header of a safetensors file with the standard library alone, and tells a whole file from a part of one.

The format (https://huggingface.co/docs/safetensors, "Format"): 8 bytes hold the header's length N (unsigned, little
endian), N bytes of JSON name each tensor's `dtype`, `shape` and `data_offsets` [begin, end) within the data that
follows, and the data has neither gaps nor a rest. So a file states its own length: a cut-off file cannot pass.
"""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeGuard

from watcher.system.files import open_regular, parse_json

HEADER_LIMIT = 16 * 2**20
"""Longest header that is read, in bytes. The format allows 100 MB, which would be a million tensors in one file; a
model of a trillion parameters has some hundred thousand in all, of 130 bytes each."""
HEADER_VALUES = 1_000_000
"""Most values in it: a tensor has eight."""
NAME_LIMIT = 1024
"""Longest name of a tensor, in characters."""

LENGTH_BYTES = 8
LFS_POINTER = b"version "
"""How the text begins that Git leaves in place of a large file where `git lfs` has not run (the Git LFS specification):
a header's length it would be that no file has."""
DTYPE_BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}


class SafetensorsError(ValueError):
    """The file is not a whole safetensors file; the text says in which way, without the file's name."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor: its type as the format names it (`BF16`), its shape, and its bytes [begin, end) within the data."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """A whole file's header: `tensors` by name, `metadata` as written, `data_start` and `size` in bytes."""

    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str]
    data_start: int
    size: int


def read_header(path: Path) -> Header:
    """The header of the safetensors file `path`, whose length agrees with it and which has no unwritten part.

    Raises SafetensorsError where the file is cut off, too long, malformed, not a regular file, or has a hole;
    OSError where it cannot be read.
    """
    with _opened(path) as file:
        header = _read(file)
        _refuse_hole(file.fileno(), header.size)
    return header


def read_copied_header(path: Path) -> Header:
    """As `read_header`, of a file that nobody writes any more: a copy may have holes where there are zeros."""
    with _opened(path) as file:
        return _read(file)


def _opened(path: Path) -> BinaryIO:
    try:
        return open_regular(path)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise SafetensorsError("is not a regular file") from None
        raise


def _read(file: BinaryIO) -> Header:
    size = os.fstat(file.fileno()).st_size
    prefix = file.read(LENGTH_BYTES)
    if len(prefix) < LENGTH_BYTES:
        raise SafetensorsError(f"is {size} bytes long, too short for a header")
    if prefix == LFS_POINTER:
        raise SafetensorsError("is a Git LFS pointer in place of the file, which `git lfs pull` fetches")
    length = int.from_bytes(prefix, "little")
    if length > HEADER_LIMIT:
        raise SafetensorsError(f"states a header of {length:,} bytes, more than the {HEADER_LIMIT:,} allowed")
    if LENGTH_BYTES + length > size:
        raise SafetensorsError(f"is {size:,} bytes long, its header alone {length:,}")
    tensors, metadata = parse_header(file.read(length))
    due = LENGTH_BYTES + length + max((t.end for t in tensors.values()), default=0)
    if due != size:
        raise SafetensorsError(f"is {size:,} bytes long where its header says {due:,}")
    return Header(tensors, metadata, LENGTH_BYTES + length, size)


def parse_header(raw: bytes) -> tuple[dict[str, TensorInfo], dict[str, str]]:
    """Tensors and metadata of a header's JSON. Raises SafetensorsError where it is not what the format allows."""
    try:
        parsed = parse_json(raw, HEADER_VALUES, _without_duplicates)
    except ValueError as error:
        raise SafetensorsError(f"has a header that is not JSON ({error})") from None
    if not isinstance(parsed, dict):
        raise SafetensorsError("has a header that is not a JSON object")
    metadata = parsed.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise SafetensorsError("has metadata that is not a JSON object")
    tensors = {name: _tensor(name, entry) for name, entry in parsed.items()}
    _require_contiguous(tensors)
    return tensors, {str(key): str(value) for key, value in metadata.items()}


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _tensor(name: str, entry: object) -> TensorInfo:
    if len(name) > NAME_LIMIT:
        raise SafetensorsError(
            f"has a tensor whose name has {len(name):,} characters, more than the {NAME_LIMIT:,} allowed"
        )
    if not isinstance(entry, dict):
        raise SafetensorsError(f"describes the tensor {name!r} by something that is not an object")
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(dtype, str) or not _sizes(shape) or not _sizes(offsets) or len(offsets) != 2:
        raise SafetensorsError(f"has no dtype, shape or data_offsets for the tensor {name!r}")
    info = TensorInfo(dtype, tuple(shape), offsets[0], offsets[1])
    bits = DTYPE_BITS.get(dtype)
    # A dtype that is not known here is newer than this table: its length cannot be checked, the file's still is.
    if bits is not None and math.prod(info.shape) * bits != (info.end - info.begin) * 8:
        raise SafetensorsError(f"gives the tensor {name!r} offsets that do not fit its shape")
    return info


def _sizes(value: object) -> TypeGuard[list[int]]:
    """True for a list of integers from 0 to 2^63-1: longer ones would make the arithmetic itself an attack."""
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**63 for item in value)


def _require_contiguous(tensors: Mapping[str, TensorInfo]) -> None:
    position = 0
    for name, info in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if info.begin != position or info.end < info.begin:
            raise SafetensorsError(f"leaves a gap or overlap before the tensor {name!r}")
        position = info.end


def _refuse_hole(descriptor: int, size: int) -> None:
    """A file that was given its full length before its bytes passes every other check; its hole gives it away.

    Asked of the file system (SEEK_HOLE) rather than computed from `st_blocks`, which compressing file systems
    keep below the size of whole files, some network ones at 0, and preallocated files at the full size.
    """
    hole = os.lseek(descriptor, 0, os.SEEK_HOLE)
    if hole < size:
        raise SafetensorsError(f"was never written from byte {hole:,} on (a hole; `cp --sparse=never` fills it)")
