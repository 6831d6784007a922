"""An adapter in the words of its base: its tensors' names, and its configuration where those change.

Why this exists: PEFT names modules by the class that opened the base (`model.layers`, `model.language_model.layers`),
and by what wrapped the model when it was saved (`_orig_mod.`). The base has the names of its files, or, as a text
model alone, its own. Names are fitted only where one module of the base can be meant. What does not fit stays as it
is, and `check_adapter` refuses it by name.

Standard library only; nothing is written where the names fit already.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from watcher.checkpoints.layouts.files import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from watcher.engine.model_files.adapters import KEY, is_targeted
from watcher.engine.model_files.inventory import Inventory, read_configuration, read_header, refuse
from watcher.engine.model_files.naming import TRAINING_WRAPPERS, collision, inner, unwrapped, wrappers_in
from watcher.engine.model_files.views import link_others, write_renamed

# In memory each half of a pair has the adapter's name ("default"), which PEFT leaves out when it saves.
_NAMED = re.compile(r"(?P<half>\.lora_[AB])\.[^.]+(?P<kind>\.(weight|bias))$")


@dataclass(frozen=True, slots=True)
class Fitted:
    """An adapter's directory, fitted to its base or the original; `left_out` are modules beside the text model."""

    path: Path
    left_out: tuple[str, ...] = ()


def fit_adapter(path: Path, base: Inventory, place: Path, beside: Collection[str] = ()) -> Fitted:
    """The adapter in `path` for `base`, in a directory below `place` where its names have to change.

    `beside`: names of tensors that the base's repository has and `base` has not, because they compute nothing for
    text. An adapter's weights for them are left out. Raises `UimonError` (`weights_refused`) for a damaged file, and
    where two names become one.
    """
    if not (path / ADAPTER_WEIGHTS).is_file() or not (path / ADAPTER_CONFIG).is_file():
        return Fitted(path)
    tensors = read_header(path / ADAPTER_WEIGHTS)
    plain = {name: _NAMED.sub(r"\g<half>\g<kind>", unwrapped(name)) for name in tensors}
    if both := collision(plain):
        raise refuse(
            f"{path / ADAPTER_WEIGHTS}: {both[0]} and {both[1]} are the same tensor but for the words of "
            f"{' and '.join(wrappers_in(both)) or 'the adapters inside'}; save one adapter of the unwrapped model."
        )
    modules = {name: match["module"] for name in plain.values() if (match := KEY.fullmatch(name))}
    left_out = _beside(set(modules.values()), base, beside)
    meant = _meant({module for module in modules.values() if module not in left_out}, base)
    names = {
        old: new.replace(modules[new], meant[modules[new]], 1) if modules.get(new) in meant else new
        for old, new in plain.items()
        if modules.get(new) not in left_out
    }
    if all(names.get(name) == name for name in tensors):
        return Fitted(path)
    if both := collision(names):
        raise refuse(f"{path / ADAPTER_WEIGHTS}: {both[0]} and {both[1]} both belong to one module of the base model.")
    target = place / path.name
    shutil.rmtree(place, ignore_errors=True)
    target.mkdir(parents=True)
    write_renamed(path / ADAPTER_WEIGHTS, tensors, names, target / ADAPTER_WEIGHTS, lambda: None)
    _write_config(path, target, meant, base)
    link_others(path, target)
    return Fitted(target, tuple(sorted(left_out)))


def _modules(base: Inventory) -> set[str]:
    """The modules that the base has weights of."""
    return {name.rpartition(".")[0] for name in base.tensors}


def _beside(modules: Iterable[str], base: Inventory, beside: Collection[str]) -> set[str]:
    """The modules that belong to the parts of the repository which are not read."""
    known, others = _modules(base), {inner(name.rpartition(".")[0]) for name in beside}
    return {module for module in modules if module not in known and inner(module) in others}


def _meant(modules: Collection[str], base: Inventory) -> dict[str, str]:
    """The base's name of each of these modules; only of those where one module can be meant.

    Fused experts have no weight of a module's own in the base's files; they are found by the module around them.
    """
    known = _modules(base) | {
        name.partition(".experts.")[0] + ".experts" for name in base.tensors if ".experts." in name
    }
    by_inner: dict[str, set[str]] = {}
    for module in known:
        by_inner.setdefault(inner(module), set()).add(module)
    # A tied head has no tensor of its own.
    by_inner.setdefault("lm_head", {"lm_head"})
    meant = {}
    for module in modules:
        found = {module} & known or by_inner.get(inner(module), set())
        if len(found) == 1:
            meant[module] = next(iter(found))
    return meant


def _write_config(path: Path, target: Path, meant: Mapping[str, str], base: Inventory) -> None:
    """The configuration with the base's names in place of rules that were written for the trained ones.

    Which modules are adapted, and with what rank, is decided here by the trained names, as PEFT decided in training.
    """
    text = json.dumps(read_configuration(path / ADAPTER_CONFIG, "adapter"), ensure_ascii=False)
    for word in TRAINING_WRAPPERS:
        # A rule may be a regular expression, with its dots escaped.
        text = re.sub(rf"\b{word}\\{{0,2}}\.", "", text) if word.startswith("_") else text
    config: dict[str, object] = json.loads(text)
    if any(old != new for old, new in meant.items()):
        config |= _own_rules(config, _trained_names(meant, base))
    (target / ADAPTER_CONFIG).write_text(json.dumps(config, indent=1))


def _trained_names(meant: Mapping[str, str], base: Inventory) -> dict[str, str]:
    """The name that each module of the base had in training; one that was not adapted is named as its neighbors."""
    trained = {new: old for old, new in meant.items()}
    fronts = Counter((_front(new), _front(old)) for new, old in trained.items())
    front = dict(pair for pair, _ in reversed(fronts.most_common()))
    return {
        module: trained.get(module) or front.get(_front(module), _front(module)) + inner(module)
        for module in _modules(base)
    }


def _front(module: str) -> str:
    return module.removesuffix(inner(module))


def _own_rules(config: Mapping[str, object], trained: Mapping[str, str]) -> dict[str, object]:
    """The configuration's rules about modules, as lists of the base's modules; `trained` has their trained names."""
    rules: dict[str, object] = {}
    if config.get("target_modules"):
        adapted = sorted(module for module, name in trained.items() if is_targeted(config, name))
        rules = {
            "target_modules": adapted,
            "exclude_modules": None,
            "layers_to_transform": None,
            "layers_pattern": None,
        }
    for key in ("rank_pattern", "alpha_pattern"):
        own = config.get(key)
        if isinstance(own, dict) and own:
            found = {module: _matched(own, name) for module, name in trained.items()}
            rules[key] = {re.escape(module): value for module, value in found.items() if value is not None}
    return rules


def _matched(pattern: Mapping[str, object], module: str) -> object:
    """What a rule of PEFT's gives this module (peft.utils.get_pattern_key): the first key that ends its name."""
    for key, value in pattern.items():
        try:
            if re.match(rf"(.*\.)?({key})$", module):
                return value
        except re.error:
            continue
    return None
