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

Not covered: the order of rows, which the probe looks at, quantized weights, which are no longer the file's, and what an
engine keeps in a form of its own (`forms`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from watcher.engine.model_files.forms import ParameterMatch
from watcher.model import JsonObject

if TYPE_CHECKING:
    import torch
    from torch import Tensor


# Numbers that are looked at together: beside an engine that has filled a GPU there is room for little.
_PIECE = 1 << 18
# Bytes that are multiplied at once: half of a product's, so that the difference of two words never vanishes in it.
_WORD = 4
_NUMBER = re.compile(r"(?:^|\.)(\d+)\.")
_multipliers: list[Tensor] = []

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


def rows_of(tensor: Tensor) -> Tensor:
    """The tensor as a matrix: its last dimension are the columns. A vector, which may be fused from several ones at any
    place, is a column.
    """
    return tensor.reshape(-1, tensor.shape[-1] if tensor.ndim > 1 else 1)


def fingerprints(
    matrix: Tensor, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> Tensor:
    """One number of 64 bits for each row of a matrix of two dimensions, on the CPU: of the row as it is in `dtype`,
    computed on `device`; both are the matrix's own without.
    """
    import torch

    pieces = []
    for rows in matrix.split(max(1, _PIECE // max(1, matrix.shape[1]))):
        piece = rows.to(device=device or matrix.device, dtype=dtype or matrix.dtype)
        each = max(1, _WORD // piece.element_size())
        wide = torch.nn.functional.pad(_bits(piece), (0, -piece.shape[1] % each)).view(torch.int32).to(torch.int64)
        factors = _factors(wide.shape[1], wide.device)
        # A GPU has no product of matrices for integers; on a CPU it is five times as fast as the sum.
        pieces.append((wide @ factors if wide.is_cpu else (wide * factors).sum(1)).cpu())
    return torch.cat(pieces) if pieces else torch.empty(0, dtype=torch.int64)


def _bits(matrix: Tensor) -> Tensor:
    """The matrix as integers of the same bits; torch cannot pad every type of small floats."""
    import torch

    kinds = {1: torch.uint8, 2: torch.int16}
    return matrix.contiguous().view(kinds.get(matrix.element_size(), torch.int32))


def _factors(count: int, device: torch.device) -> Tensor:
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
    """The rows of one served parameter of a size in `bytes`. `padded`: it may have rows of zeros which no file has.
    `vocabulary`: it has a row for each token. `buffer`: it may be computed instead of loaded, so it is never strange.
    """

    name: str
    columns: int
    dtype: torch.dtype
    prints: Tensor
    bytes: int
    padded: bool = False
    vocabulary: bool = False
    buffer: bool = False

    @classmethod
    def of(cls, name: str, tensor: Tensor, *, vocabulary: bool = False, longer: bool = False) -> Part:
        """The part that a tensor of a model is; `longer`: its rows may have zeros behind, and there may be more rows.
        So may in the vocabulary's matrices.
        """
        rows = rows_of(tensor.detach())
        columns = ANY_WIDTH if longer else int(rows.shape[1])
        prints = fingerprints(rows)
        return cls(name, columns, tensor.dtype, prints, tensor.nbytes, vocabulary or longer, vocabulary)

    @property
    def place(self) -> Place:
        """Where in the files its rows are looked for."""
        return layer_of(self.name), self.columns


@dataclass(frozen=True, slots=True)
class WeightsComparison:
    """What came of it: what was `found` of each served parameter, and in `shares` for each tensor of the files the
    share of its rows that are served, from 0 to 1.
    """

    found: tuple[ParameterMatch, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)

    @property
    def strange(self) -> tuple[str, ...]:
        """The served parameters with rows that no file has, by name."""
        return tuple(sorted(one.name for one in self.found if one.strange))

    def plain(self) -> JsonObject:
        """As JSON knows it: a worker in a process of its own can hand nothing else to the engine."""
        return asdict(self)

    @classmethod
    def of_plain(cls, plain: JsonObject) -> WeightsComparison:
        """The comparison that `plain` gave."""
        return cls(tuple(ParameterMatch(**one) for one in plain["found"]), plain["shares"])


@dataclass(slots=True)
class Files:
    """The fingerprints of the files' tensors, made once for each way in which a parameter may hold them, on a `device`
    (None: where they are). `shards`: the workers that share a matrix.
    """

    parts: Iterable[Part]
    shards: int = 1
    device: str | None = None
    _known: dict[tuple[Place, torch.dtype], list[Tensor]] = field(default_factory=dict)
    _served: dict[Place, list[Part]] = field(default_factory=dict)
    _shares: dict[str, float] = field(default_factory=dict)

    def compare(self, tensors: Callable[[], Iterable[tuple[str, Tensor]]]) -> WeightsComparison:
        """Compare the parts with the files' tensors, by name; they are read once more where some lie transposed."""
        for part in self.parts:
            self._served.setdefault(part.place, []).append(part)
        for name, tensor in tensors():
            self._take(name, tensor)
        found = self._found()
        if layers := {layer_of(one.name) for one in found if one.strange}:
            for name, tensor in tensors():
                if layer_of(name) in layers and tensor.ndim > 1:
                    self._take(name, tensor.transpose(-1, -2))
                elif name.endswith("A_log") and layer_of(name) in layers:
                    # Mamba's decay, which vLLM keeps as it is used.
                    self._take(name, -tensor.float().exp())
            found = self._found()
        return WeightsComparison(tuple(found), dict(self._shares))

    def _take(self, name: str, tensor: Tensor) -> None:
        """Remember the rows of one tensor in every type and width in which its layer serves something."""
        rows, layer = rows_of(tensor), layer_of(name)
        self._shares.setdefault(name, 0.0)
        for width in {rows.shape[1], *_widths(rows.shape[1], self.shards)}:
            for place in ((layer, width), (layer, ANY_WIDTH)):
                served = self._served.get(place, [])
                for dtype in {part.dtype for part in served}:
                    for piece in rows.split(width, 1):
                        prints = fingerprints(piece, dtype=dtype, device=self.device)
                        self._known.setdefault((place, dtype), []).append(prints)
                        held = _held(prints, [part.prints for part in served if part.dtype == dtype])
                        self._shares[name] = max(self._shares[name], float(held.double().mean()))

    def _found(self) -> list[ParameterMatch]:
        return [self._find(part) for parts in self._served.values() for part in parts if not part.buffer]

    def _find(self, part: Part) -> ParameterMatch:
        held = _held(part.prints, self._known.get((part.place, part.dtype), []))
        zeros = part.prints == 0
        if part.padded:
            held |= zeros
        strange, rows = int((~held).sum()), int((~zeros | ~held).sum())
        return ParameterMatch(part.name, rows, strange, part.bytes, part.vocabulary, part.columns == 1)


def _widths(columns: int, shards: int) -> Iterator[int]:
    if shards > 1 and columns % shards == 0:
        yield columns // shards


def _held(prints: Tensor, among: list[Tensor]) -> Tensor:
    """For each fingerprint whether it is among others."""
    import torch

    return torch.isin(prints, torch.cat(among)) if among else torch.zeros(len(prints), dtype=torch.bool)
