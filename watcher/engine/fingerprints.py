"""Whether what an engine serves is what lies in the files: row by row, whatever way vLLM puts tensors together.

Why this exists: vLLM fuses, stacks, shards and packs what it loads, so its own checksums (`compute_weight_checksums`,
0.32) have names and shapes that no file has, and on a CPU they are those of emptied tensors. But a row stays a row: a
served matrix is made of rows of the file's matrices, of their parts where several GPUs share it, or of the rows of a
transposed matrix. So each row gets a fingerprint, and those of a layer's parameters are looked for among those of the
tensors that the files have for this layer. A row that is served and in no file came from elsewhere, or from memory
that nobody wrote.

A fingerprint is the sum of a row's bit patterns times random numbers, modulo 2^64 (multilinear hashing, Carter and
Wegman 1979). The numbers are drawn anew in each process: no file can be made to match. Zeros behind a row, by which
vLLM pads, do not change it.

Not covered: the order of rows, which the probe looks at, and quantized weights, which are no longer the file's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_PIECE = 1 << 18
# Bytes that are multiplied at once: half of a product's, so that the difference of two words never vanishes in it.
_WORD = 4
_NUMBER = re.compile(r"(?:^|\.)(\d+)\.")
_multipliers: list[Any] = []

# Layer (the first number in a name, -1 without) and columns.
Place = tuple[int, int]
ANY_WIDTH = 0
"""The columns of a part whose rows are longer than the file's, with zeros behind."""


def layer_of(name: str) -> int:
    """The first number in a tensor's name, which both sides give to a layer; -1 outside of layers.

    >>> [layer_of(name) for name in ("model.layers.3.mlp.experts.7.up_proj.weight", "lm_head.weight")]
    [3, -1]
    """
    found = _NUMBER.search(name)
    return int(found[1]) if found else -1


def rows_of(tensor: Any) -> Any:
    """The tensor as a matrix: its last dimension are the columns. A vector, which may be fused from several ones at any
    place, is a column.
    """
    return tensor.reshape(-1, tensor.shape[-1] if tensor.ndim > 1 else 1)


def fingerprints(matrix: Any) -> Any:
    """One number of 64 bits for each row of a matrix of two dimensions, on the CPU."""
    import torch

    each = max(1, _WORD // matrix.element_size())
    bits = torch.nn.functional.pad(_bits(matrix), (0, -matrix.shape[1] % each)).view(torch.int32)
    factors = _factors(bits.shape[1], bits.device)
    pieces = []
    for piece in bits.split(max(1, _PIECE // max(1, bits.shape[1]))):
        wide = piece.to(torch.int64)
        # A GPU has no product of matrices for integers; on a CPU it is five times as fast as the sum.
        pieces.append((wide * factors).sum(1) if wide.is_cuda else wide @ factors)
    return torch.cat(pieces).cpu() if pieces else torch.empty(0, dtype=torch.int64)


def _bits(matrix: Any) -> Any:
    """The matrix as integers of the same bits; torch cannot pad every type of small floats."""
    import torch

    kinds = {1: torch.uint8, 2: torch.int16}
    return matrix.contiguous().view(kinds.get(matrix.element_size(), torch.int32))


def _factors(count: int, device: Any) -> Any:
    """The first `count` of this process's random odd numbers."""
    import torch

    held = _multipliers[0] if _multipliers else torch.empty(0, dtype=torch.int64)
    if len(held) < count:
        generator = torch.Generator()
        generator.seed()
        more = torch.randint(-(2**62), 2**62, (max(count, 1 << 14) - len(held),), generator=generator) * 2 + 1
        _multipliers[:] = [torch.cat([held, more])]
    return _multipliers[0][:count].to(device)


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one served parameter. `padded`: it may have rows of zeros which no file has."""

    name: str
    columns: int
    dtype: Any
    prints: Any
    padded: bool = False

    @classmethod
    def of(cls, name: str, tensor: Any, *, padded: bool = False, longer: bool = False) -> Part:
        """The part that a tensor of a model is; `longer`: its rows may have zeros behind."""
        rows = rows_of(tensor.detach())
        columns = ANY_WIDTH if longer else int(rows.shape[1])
        return cls(name, columns, tensor.dtype, fingerprints(rows), padded)

    @property
    def place(self) -> Place:
        """Where in the files its rows are looked for."""
        return layer_of(self.name), self.columns


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of it. `strange`: served parameters with rows that no file has. `shares`: for each tensor of the files
    the share of its rows that are served, from 0 to 1.
    """

    compared: int
    strange: tuple[str, ...]
    shares: Mapping[str, float]


@dataclass(slots=True)
class Files:
    """The fingerprints of the files' tensors, made once for each way in which a parameter may hold them."""

    parts: Iterable[Part]
    shards: int = 1
    _known: dict[tuple[Place, Any], list[Any]] = field(default_factory=dict)
    _served: dict[Place, list[Part]] = field(default_factory=dict)
    _shares: dict[str, float] = field(default_factory=dict)

    def compare(self, tensors: Callable[[], Iterable[tuple[str, Any]]]) -> Comparison:
        """Compare the parts with the files' tensors, by name; they are read once more where some lie transposed."""
        for part in self.parts:
            self._served.setdefault(part.place, []).append(part)
        for name, tensor in tensors():
            self._take(name, tensor)
        strange = self._strange()
        if strange:
            layers = {layer_of(part.name) for part in strange}
            for name, tensor in tensors():
                if layer_of(name) in layers and tensor.ndim > 1:
                    self._take(name, tensor.transpose(-1, -2))
                elif name.endswith("A_log") and layer_of(name) in layers:
                    # Mamba's decay, which vLLM keeps as it is used.
                    self._take(name, -tensor.float().exp())
            strange = self._strange()
        count = sum(map(len, self._served.values()))
        return Comparison(count, tuple(sorted(part.name for part in strange)), dict(self._shares))

    def _take(self, name: str, tensor: Any) -> None:
        """Remember the rows of one tensor in every type and width in which its layer serves something."""
        rows, layer = rows_of(tensor), layer_of(name)
        self._shares.setdefault(name, 0.0)
        for width in {rows.shape[1], *_widths(rows.shape[1], self.shards)}:
            for place in ((layer, width), (layer, ANY_WIDTH)):
                served = self._served.get(place, [])
                for dtype in {part.dtype for part in served}:
                    for piece in rows.to(dtype).split(width, 1):
                        prints = fingerprints(piece)
                        self._known.setdefault((place, dtype), []).append(prints)
                        held = _held(prints, [part.prints for part in served if part.dtype == dtype])
                        self._shares[name] = max(self._shares[name], float(held.double().mean()))

    def _strange(self) -> list[Part]:
        strange = []
        for part in (part for parts in self._served.values() for part in parts):
            held = _held(part.prints, self._known.get((part.place, part.dtype), []))
            if part.padded:
                held |= part.prints == 0
            if not bool(held.all()):
                strange.append(part)
        return strange


def _widths(columns: int, shards: int) -> Iterator[int]:
    if shards > 1 and columns % shards == 0:
        yield columns // shards


def _held(prints: Any, among: list[Any]) -> Any:
    """For each fingerprint whether it is among others."""
    import torch

    return torch.isin(prints, torch.cat(among)) if among else torch.zeros(len(prints), dtype=torch.bool)
