"""Reads `model.safetensors.index.json`, which says which shard holds each tensor, and compares it with the shards.

Inspection and engine ask the same reader, so that what one of them calls whole the other one loads.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from watcher.checkpoints.layouts.files import is_weights
from watcher.system.files import INDEX_LIMIT, read_object


class StrayShardError(ValueError):
    """The index names a file that is none of its directory's weights: `../other/model.safetensors`, `model-1.bin`."""

    def __init__(self, shard: str) -> None:
        super().__init__(f"names {shard!r}, which is no *.safetensors file of this directory")


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A tensor that `shard` lacks although the index puts it there, or else holds although the index does not."""

    shard: str
    tensor: str
    lacking: bool


def read_index(file: Path) -> dict[str, str]:
    """The shard of each tensor, a plain file name. Raises OSError; StrayShardError where it is none; ValueError where
    the file is no whole index.
    """
    placed = read_object(file, INDEX_LIMIT).get("weight_map")
    if not isinstance(placed, dict) or not placed or not all(isinstance(shard, str) for shard in placed.values()):
        raise ValueError("no weight_map")
    for shard in set(placed.values()):
        if Path(shard).name != shard or not is_weights(shard):
            raise StrayShardError(shard)
    return placed


def first_misplaced(index: Mapping[str, str], held: Mapping[str, Collection[str]]) -> Misplaced | None:
    """The first tensor about which index and shards disagree; `held` are the names of each shard's tensors.

    A shard that is whole may be of an earlier save, which was cut otherwise.
    """
    for tensor, shard in sorted(index.items()):
        if tensor not in held[shard]:
            return Misplaced(shard, tensor, lacking=True)
    for shard, tensors in sorted(held.items()):
        for tensor in sorted(tensors):
            if index.get(tensor) != shard:
                return Misplaced(shard, tensor, lacking=False)
    return None
