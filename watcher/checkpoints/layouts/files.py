"""Names of the files in a directory of a model, and what they tell by themselves. Nothing here opens a file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from watcher.model import CheckpointKind

CONFIG = "config.json"
GENERATION_CONFIG = "generation_config.json"
ADAPTER_CONFIG = "adapter_config.json"
TRAINER_STATE = "trainer_state.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
TOKENIZER_JSON = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
ADDED_TOKENS = "added_tokens.json"
SPECIAL_TOKENS = "special_tokens_map.json"
TEMPLATE = "chat_template.jinja"
TEMPLATES = "additional_chat_templates"
"""The one subdirectory that belongs to the tokenizer."""

# Everything else in the directory is the optimizer's, the scheduler's or somebody's notes. Code (`*.py`) is left out
# on purpose: nothing from a checkpoint is ever executed.
SUPPORT = (
    CONFIG, ADAPTER_CONFIG, GENERATION_CONFIG, "*processor_config.json", "processor_config.json",
    "tokenizer*.json", "tokenizer.model*", SPECIAL_TOKENS, ADDED_TOKENS, "vocab.*", "merges.txt",
    "*.tiktoken", "tekken.json", "spiece.model", "sentencepiece*.model", "*.spm", "normalizer.json",
    "chat_template.*", f"{TEMPLATES}/*.jinja",
)  # fmt: skip
"""Patterns of the files beside the weights that an engine or its tokenizer may read."""

SHARDS = "model-*-of-*.safetensors"
WEIGHT_FILES = frozenset({WEIGHTS, INDEX, ADAPTER_WEIGHTS})
PICKLES = ("pytorch_model*.bin", "adapter_model.bin", "model*.pt", "model*.pth", "consolidated*.pth")


def is_weights(name: str) -> bool:
    """True for a file of weights that can be loaded, whatever else it is called."""
    return name.endswith(".safetensors")


def weights_in(path: Path) -> list[Path]:
    """Every such file in the directory `path`, sorted; none where it cannot be listed."""
    return sorted(path.glob("*.safetensors"))


def kind_of(names: Collection[str]) -> CheckpointKind:
    """What the weights in a directory of these file names are.

    An adapter's files decide even beside full weights: then the adapter is what was trained. While a checkpoint is
    being written the answer may still change, which is harmless: it is not complete either way.
    """
    return CheckpointKind.ADAPTER if ADAPTER_CONFIG in names or ADAPTER_WEIGHTS in names else CheckpointKind.FULL


def is_support(name: str) -> bool:
    """True for a file beside the weights that belongs to the model or its tokenizer.

    >>> [is_support(n) for n in ("tokenizer.json", "chat_template.jinja", "optimizer.pt", "training_args.bin")]
    [True, True, False, False]
    """
    return any(fnmatchcase(name, pattern) for pattern in SUPPORT)


def holds_weights(names: Collection[str]) -> bool:
    """True where at least a part of loadable weights is there, so that they are what the directory is about.

    >>> holds_weights({"model-00001-of-00002.safetensors"}), holds_weights({"consolidated.safetensors"})
    (True, False)
    """
    return not WEIGHT_FILES.isdisjoint(names) or any(fnmatchcase(name, SHARDS) for name in names)


def folders_with_weights(folders: Mapping[str, Collection[str]]) -> list[str]:
    """Which of a checkpoint's folders hold loadable weights: PEFT gives each adapter that has a name of its own a
    folder of that name, and other trainers put the model beside the optimizer's.
    """
    return sorted(folder for folder, names in folders.items() if may_hold_model(folder) and holds_weights(names))


def may_hold_model(folder: str) -> bool:
    """False for folders that hold the optimizer's, or sharded weights: hundreds of large files.

    >>> [may_hold_model(folder) for folder in ("ui", "global_step500", "optimizer_0")]
    [True, False, False]
    """
    return not folder.startswith(("global_step", "optim", "pytorch_model_fsdp", "."))


def pickles(names: Collection[str]) -> list[str]:
    """Files that hold pickled weights."""
    return sorted(name for name in names if any(fnmatchcase(name, pattern) for pattern in PICKLES))
