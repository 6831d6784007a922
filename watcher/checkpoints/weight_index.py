"""Reads `model.safetensors.index.json`, which says which shard holds each tensor, and compares it with the shards.

Inspection and engine ask the same reader, so that what one of them calls whole the other one loads.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from watcher.checkpoints.layouts.files import is_weights
from watcher.system.files import INDEX_LIMIT, read_object


class StrayShardError(ValueError):
    """The index names a file that is none of its directory's weights: `../other/model.safetensors`, `model-1.bin`."""

    def __init__(self, shard: str) -> None:
        super().__init__(f"names {shard!r}, which is not a *.safetensors file of this directory")


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A tensor that a shard lacks although the index puts it there, or else holds although the index does not."""

    tensor: str
    lacking: bool


def read_index(file: Path) -> dict[str, set[str]]:
    """The names of the tensors in each shard, which is a plain file name. Raises OSError; StrayShardError where it is
    none; ValueError where the file is no whole index.
    """
    placed = read_object(file, INDEX_LIMIT).get("weight_map")
    if not isinstance(placed, dict) or not placed or not all(isinstance(shard, str) for shard in placed.values()):
        raise ValueError("no weight_map")
    shards: dict[str, set[str]] = {}
    for tensor, shard in placed.items():
        shards.setdefault(shard, set()).add(tensor)
    for shard in shards:
        if Path(shard).name != shard or not is_weights(shard):
            raise StrayShardError(shard)
    return shards


def first_misplaced(due: Set[str], held: Set[str]) -> Misplaced | None:
    """The first tensor about which the index (`due`) and a shard (`held`) disagree, by name; one that it lacks first.

    A shard that is whole may be of an earlier save, which was cut otherwise.
    """
    for tensors, lacking in ((due - held, True), (held - due, False)):
        if tensors:
            return Misplaced(min(tensors), lacking)
    return None
