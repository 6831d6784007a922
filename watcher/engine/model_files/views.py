"""What an engine reads of a model's directory: a view of it in the state directory, and nothing else.

A view holds the model's weights, the files that are known to belong to them, and a configuration without what points
elsewhere (`pointers`). It is what the directory says but for these:

- beside the model's weights there are others, which vLLM would read too (`consolidated.safetensors`, an adapter);
- the names carry training's wrappers (`_orig_mod.`), see `naming`;
- the output head has values of its own, which the configuration denies;
- the text model inside a wrapper is asked for, see `textmodels`.

Files that are right as they are are linked, and weight files are written with another header where names change. It
has the name of the directory that it shows, and every reader (headers, vLLM, transformers, PEFT) reads the same view.
The original is never touched.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from watcher.checkpoints.layouts.files import ADAPTER_CONFIG, CONFIG, INDEX, is_support
from watcher.checkpoints.pointers import without_pointers
from watcher.engine.model_files.inventory import Inventory, Tensor, read_config, read_inventory, refuse
from watcher.engine.model_files.naming import collision, inner, unwrapped, wrappers_in
from watcher.engine.model_files.textmodels import text_config, text_model, unfronted
from watcher.model import Reason, UimonError
from watcher.system.files import open_regular

# Bytes copied between two questions whether to go on.
_CHUNK = 64 * 2**20
_ALIGNMENT = 8
_EMBEDDING = "embed_tokens.weight"
_INPUTS = (_EMBEDDING, "wte.weight", "word_embeddings.weight")
# Bytes that are compared at a time.
_PIECE = 2**20


@dataclass(frozen=True, slots=True)
class ModelView:
    """How a directory's model is to be read: each tensor's name for the engine by its name on disk, and the
    configuration. A tensor that has no name here is not read.
    """

    inventory: Inventory
    names: Mapping[str, str]
    config: Mapping[str, object]

    @property
    def left_out(self) -> frozenset[str]:
        """The names on disk, training's wrappers taken out, of tensors that are not read."""
        return frozenset(unwrapped(name) for name in self.inventory.tensors.keys() - self.names.keys())


def reading_of(path: Path, *, text: bool = False) -> ModelView:
    """How the full model in `path` is to be read; with `text`, the text model inside it where it is a wrapper.

    Raises `UimonError` as `read_inventory` does; `weights_refused` where names cannot be told apart without the
    wrappers of training.
    """
    inventory = read_inventory(path)
    names = {name: unwrapped(name) for name in inventory.tensors}
    if both := collision(names):
        raise refuse(
            f"{path}: {both[0]} and {both[1]} are the same tensor but for the words of "
            f"{' and '.join(wrappers_in(both))}; save the unwrapped model."
        )
    names = dict(zip(names, _embedded(names.values(), inventory.config), strict=True))
    own = unfronted(inventory.config, names.values())
    names = {name: own.get(new, new) for name, new in names.items()}
    inside = text_model(inventory.config, names.values()) if text else None
    if inside is not None:
        names = {name: inside.names[plain] for name, plain in names.items() if plain in inside.names}
    config = inside.config if inside else inventory.config
    if _is_untied(inventory, names, config):
        config = _untied(config)
    return ModelView(inventory, names, without_pointers(config))


def _embedded(names: Iterable[str], config: Mapping[str, object]) -> list[str]:
    """The names, the one matrix of tied embeddings as the input's: some writers keep the name of the output head."""
    held = list(names)
    if _ties(config) is not True or any(name.endswith(_EMBEDDING) for name in held):
        return held
    front = next((_front(name) for name in held if inner(name).startswith("layers.")), None)
    return [f"{front}{_EMBEDDING}" if front and name.endswith("lm_head.weight") else name for name in held]


def _is_untied(inventory: Inventory, names: Mapping[str, str], config: Mapping[str, object]) -> bool:
    """Whether there is an output head with values of its own, though the configuration has it share the embeddings'.

    Of such files (an adapter of the head alone, merged) transformers uses both matrices. vLLM would pass over the head.
    """
    if _ties(config) is not True:
        return False
    heads = [inventory.tensors[old] for old, new in names.items() if new.endswith("lm_head.weight")]
    inputs = [inventory.tensors[old] for old, new in names.items() if new.endswith(_INPUTS)]
    return len(heads) == len(inputs) == 1 and not _equal(inventory.path, heads[0], inputs[0])


def _ties(config: Mapping[str, object]) -> object:
    """What the configuration says of sharing; None where it leaves that to the model's class."""
    text = config.get("text_config")
    return config.get("tie_word_embeddings", text.get("tie_word_embeddings") if isinstance(text, dict) else None)


def _untied(config: Mapping[str, object]) -> dict[str, object]:
    text = config.get("text_config")
    inside = {"text_config": {**text, "tie_word_embeddings": False}} if isinstance(text, dict) else {}
    return {**config, **inside, "tie_word_embeddings": False}


def _equal(path: Path, one: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same bytes; their files are read up to the first difference."""
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    with open_regular(path / one.file) as first, open_regular(path / other.file) as second:
        first.seek(one.begin)
        second.seek(other.begin)
        left = one.end - one.begin
        while left and (piece := first.read(min(left, _PIECE))) == second.read(len(piece)):
            if not piece:
                return False
            left -= len(piece)
    return not left


def _front(name: str) -> str:
    return name.removesuffix(inner(name))


def lay_out(reading: ModelView, place: Path, go_on: Callable[[], None] = lambda: None) -> Path:
    """Make the view in a directory below `place`, which is emptied before; its path.

    `go_on` is asked between pieces of some MiB, and ends the work by raising. Raises `UimonError` (`disk_full`).
    """
    source = reading.inventory.path
    target = place / source.name
    shutil.rmtree(place, ignore_errors=True)
    _require_room(reading, place)
    try:
        target.mkdir(parents=True)
        (target / CONFIG).write_text(json.dumps(reading.config, indent=1))
        link_others(source, target, ADAPTER_CONFIG)
        weight_map = {new: file for file in _files(reading) for new in _bring(reading, file, target, go_on)}
        if len(set(weight_map.values())) > 1:
            (target / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    except OSError as error:
        shutil.rmtree(place, ignore_errors=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _disk_full(reading, place) from None
        raise UimonError(Reason.UNREADABLE, f"{source}: cannot be read for the engine ({error}).") from error
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return target


@contextmanager
def configuration_of(path: Path) -> Iterator[Path]:
    """A directory with the configuration that the model in `path` is read with: the text model's inside a wrapper.

    Raises `UimonError` (`config_missing`) without a readable config.json.
    """
    inside = text_config(read_config(path))
    if inside is None:
        yield path
        return
    with TemporaryDirectory(prefix="uimon-config-") as place:
        (Path(place) / CONFIG).write_text(json.dumps(inside))
        yield Path(place)


@contextmanager
def named_as(view: Path, original: Path) -> Iterator[None]:
    """Sentences about what is in `view` name `original`, which the user knows."""
    try:
        yield
    except UimonError as error:
        if view == original or str(view) not in error.sentence:
            raise
        raise UimonError(error.reason, error.sentence.replace(str(view), str(original))) from error


def write_renamed(
    source: Path, tensors: Mapping[str, Tensor], names: Mapping[str, str], target: Path, go_on: Callable[[], None]
) -> None:
    """Write to `target` those tensors of the safetensors file `source` that `names` has a name for, under that name."""
    kept = sorted((tensor.begin, tensor.end, name) for name, tensor in tensors.items() if name in names)
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    position = 0
    for begin, end, name in kept:
        offsets = [position, position + end - begin]
        header[names[name]] = {
            "dtype": tensors[name].dtype,
            "shape": list(tensors[name].shape),
            "data_offsets": offsets,
        }
        position = offsets[1]
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    with open_regular(source) as data, target.open("xb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.flush()
        for begin, end in _ranges((begin, end) for begin, end, _ in kept):
            _copy(data.fileno(), file.fileno(), begin, end, go_on)


def _ranges(pieces: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same bytes in as few pieces as possible."""
    held: tuple[int, int] | None = None
    for begin, end in pieces:
        if held is not None and held[1] == begin:
            held = held[0], end
            continue
        if held is not None:
            yield held
        held = begin, end
    if held is not None:
        yield held


def _copy(source: int, target: int, begin: int, end: int, go_on: Callable[[], None]) -> None:
    """Append bytes of one open file to another, without their passing through this process."""
    while begin < end:
        go_on()
        sent = os.sendfile(target, source, begin, min(_CHUNK, end - begin))
        if not sent:
            raise OSError(errno.EIO, "the file became shorter while it was read")
        begin += sent


def _files(reading: ModelView) -> list[str]:
    return sorted({tensor.file for name, tensor in reading.inventory.tensors.items() if name in reading.names})


def _held(reading: ModelView, file: str) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in reading.inventory.tensors.items() if tensor.file == file}


def _is_unchanged(reading: ModelView, held: Mapping[str, Tensor]) -> bool:
    return all(reading.names.get(name) == name for name in held)


def _bring(reading: ModelView, file: str, target: Path, go_on: Callable[[], None]) -> dict[str, str]:
    """Link one weight file, or write it with other names; its tensors' names, each with the file."""
    held = _held(reading, file)
    source = reading.inventory.path / file
    if _is_unchanged(reading, held):
        (target / file).symlink_to(source.resolve())
    else:
        write_renamed(source, held, reading.names, target / file, go_on)
    return {reading.names[name]: file for name in held if name in reading.names}


def link_others(source: Path, target: Path, *left_out: str) -> None:
    """Link what may be read beside the weights, configurations and tokenizers, unless it is there already.

    Only files that are known to belong to a model: libraries find more settings, adapters and code by name.
    """
    for file in source.iterdir():
        wanted = is_support(file.name) and file.name not in left_out
        if wanted and file.is_file() and not (target / file.name).exists():
            (target / file.name).symlink_to(file.resolve())


def _due_bytes(reading: ModelView) -> int:
    """Bytes of the weights that are written anew."""
    changed = (held for held in (_held(reading, file) for file in _files(reading)) if not _is_unchanged(reading, held))
    return sum(t.end - t.begin for held in changed for name, t in held.items() if name in reading.names)


def _require_room(reading: ModelView, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(place.parent).free < _due_bytes(reading):
        raise _disk_full(reading, place)


def _disk_full(reading: ModelView, place: Path) -> UimonError:
    return UimonError(
        Reason.DISK_FULL,
        f"{reading.inventory.path}: its tensors have to be written under other names, which needs "
        f"{_due_bytes(reading) / 1e9:.1f} GB in {place.parent}; make room, or choose another --state-dir.",
    )
