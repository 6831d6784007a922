"""Sizes that a configuration states, against the tensors that are there, before anything is built by them.

transformers and vLLM believe a configuration: a million layers are a million objects before the first tensor is missed.
Only what no model can have is refused; whether the sizes fit one another is for the library to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from watcher.checkpoints.layouts.files import CONFIG
from watcher.model import Reason, UimonError

_LAYERS = re.compile(r"(num_|n_)?\w*layers?|depth|depths")
_SIZES = re.compile(r"\w*(_size|_dim|_heads?|_experts?|_rank|_groups|_channels)|d_model|d_ff|d_kv|n_embd|n_inner")
_CONTEXT = re.compile(r"\w*(position_embeddings|_positions|n_ctx|seq_length|seq_len)")
_NUMBER = re.compile(r"\.(\d{1,9})\.")
# Below these no number costs anything, whatever the tensors are: sizes of windows, of chunks, of pictures.
_LEAST_LAYERS, _LEAST_SIZE = 1024, 2**20
_SIZE_FACTOR = 64
"""A configuration's size is at most so many times the longest side of a tensor: packed weights have eight to a word."""
LONGEST_CONTEXT = 2**25
"""Tokens; three times that of the model with the longest context known. vLLM keeps a table of that many rows."""
_DEEPEST = 4


class _Shaped(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...


def require_plausible(path: Path, config: Mapping[str, object], tensors: Mapping[str, _Shaped]) -> None:
    """Raises `UimonError` (`weights_refused`) naming what config.json states that none of the `tensors` allows."""
    numbers = [int(number) for name in tensors for number in _NUMBER.findall(name)]
    side = max((length for tensor in tensors.values() for length in tensor.shape), default=0)
    sizes, layers = max(_LEAST_SIZE, _SIZE_FACTOR * side), max(_LEAST_LAYERS, len(tensors))
    for text in (config, config.get("text_config")):
        stated = text.get("num_hidden_layers") if isinstance(text, dict) else None
        if numbers and isinstance(stated, int) and not 0 <= stated <= max(numbers) + 1:
            raise _refuse(path, "num_hidden_layers", stated, f"its tensors are those of {max(numbers) + 1} at most")
    for key, value in _values(config):
        for pattern, most in ((_LAYERS, layers), (_SIZES, sizes), (_CONTEXT, LONGEST_CONTEXT)):
            # Below zero it is counted from the end, as in vision_feature_layer, or says that there is no limit.
            if pattern.fullmatch(key) and not abs(value) <= most:
                raise _refuse(path, key, value, f"with these tensors {most:,} is the most that can be")


def _refuse(path: Path, key: str, value: float, why: str) -> UimonError:
    said = f"{path / CONFIG} states {key} {str(value)[:40]}, and {why}"
    return UimonError(Reason.WEIGHTS_REFUSED, f"{said}; save the checkpoint again, with its own configuration.")


def _values(config: Mapping[str, object], depth: int = 0) -> Iterator[tuple[str, int | float]]:
    """Every number of the configuration and of its parts, with its key."""
    for key, value in config.items():
        if isinstance(value, dict) and depth < _DEEPEST:
            yield from _values(value, depth + 1)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield key, value
        elif isinstance(value, list):
            yield from ((key, one) for one in value if isinstance(one, int | float) and not isinstance(one, bool))
