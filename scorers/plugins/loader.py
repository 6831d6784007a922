"""Scorers of other people, beside uimon's own: what one is, how it is found, and what happens when it fails.

    # mine.py, for `uimon score --scorer mine.py:Headings`, and for `uimon watch` and `uimon eval` alike
    class Headings:
        name = "headings"
        version = "1"

        def measure(self, completion, sample):
            return completion.text.count("<h1")

        def aggregate(self, measurements):
            return {"mean": sum(measurements) / len(measurements)}

gives `eval/headings/mean`, and `eval/headings/failed`: the samples on which it failed. A package registers a scorer in
the entry point group `uimon.scorers`; `--scorer NAME` turns it on, so that an installation alone changes no figures.
A scorer that fails is named, and the other metrics are as they would be without it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, cast

from scorers.sample import Completion, Sample

GROUP = "uimon.scorers"
# Shipped with uimon, and off like all others until they are named.
_OWN = {"legacy": "scorers.plugins.legacy:Legacy"}
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_METRIC = re.compile(r"[\w.-]+(?:/[\w.-]+)*")


class ScorerError(ValueError):
    """A scorer cannot be loaded: the text says which, and why."""


class Scorer(Protocol):
    """What a plug-in has to be. `name` (small letters, digits, `_`) is part of its metrics' names; a change of
    `version` says that the same completion may get another measurement."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def version(self) -> str:
        """Its version."""
        ...

    def measure(self, completion: Completion, sample: Sample) -> Any:
        """Measures one completion. What it raises costs this sample's measurement and nothing else.

        Args:
            completion: What the model wrote.
            sample: What uimon measured of it, without what plug-ins did.

        Returns:
            Any value that JSON can hold, without NaN; it is stored with the sample.
        """
        ...

    def aggregate(self, measurements: Sequence[Any]) -> Mapping[str, float | None]:
        """Makes metrics of the measurements of one evaluation.

        Args:
            measurements: What `measure` gave, as JSON gives it back, at least one, in the order of the samples; those
                of samples on which it failed are missing.

        Returns:
            Numbers by names (letters, digits, `_ . - /`), each the end of `eval/NAME/…`; None is undefined.
        """
        ...


@dataclass(frozen=True, slots=True)
class Plugin:
    """A scorer that was loaded. `content` is the digest of its file, where it came from a single one."""

    scorer: Scorer
    content: str = ""

    @property
    def name(self) -> str:
        """The scorer's name."""
        return self.scorer.name

    @property
    def identity(self) -> str:
        """Its name, version and content: samples that were measured under another identity are not comparable."""
        return " ".join(part for part in (self.name, self.scorer.version, self.content) if part)

    def measured(self, completion: Completion, sample: Sample) -> dict[str, Any]:
        """What the scorer measures of one completion. Never raises.

        Args:
            completion: What the model wrote.
            sample: What uimon measured of it.

        Returns:
            `{"value": …}`, as JSON gives it back, or `{"error": …}` where the scorer failed.
        """
        try:
            value = self.scorer.measure(completion, sample)
            return {"value": json.loads(json.dumps(value, allow_nan=False))}
        except (Exception, SystemExit) as error:  # noqa: BLE001 (foreign code must not cost the other metrics)
            return {"error": _said(error)}

    def aggregated(self, samples: Iterable[Sample]) -> tuple[dict[str, float | None], str]:
        """The scorer's metrics over samples. Never raises.

        Args:
            samples: Samples, of which those count that hold what this scorer measured.

        Returns:
            The metrics by their full names, `eval/NAME/failed` always among them, and a sentence on what went wrong,
            empty where nothing did.
        """
        found = [sample.extras[self.name] for sample in samples if self.name in sample.extras]
        errors = [str(entry["error"]) for entry in found if "error" in entry]
        values = [entry["value"] for entry in found if "value" in entry]
        metrics: dict[str, float | None] = {f"eval/{self.name}/failed": float(len(errors))}
        if values:
            try:
                metrics |= {f"eval/{self.name}/{m}": v for m, v in _numbers(self.scorer.aggregate(values)).items()}
            except (Exception, SystemExit) as error:  # noqa: BLE001 (foreign code must not cost the other metrics)
                return metrics, f"The scorer {self.name} could not aggregate its measurements ({_said(error)})."
        if errors:
            sentence = f"The scorer {self.name} failed on {len(errors)} of {len(found)} samples ({errors[0]})."
            return metrics, sentence
        return metrics, ""


def load_plugins(named: Iterable[str]) -> tuple[Plugin, ...]:
    """Loads scorers. A file's code is run, and a class is made without arguments.

    Args:
        named: Names in the entry point group `uimon.scorers`, or places (`file.py:name`).

    Returns:
        A plug-in for each, in their order.

    Raises:
        ScorerError: There is no such scorer, it cannot be imported or made, it lacks a part, or two have one name.

    >>> [plugin.identity for plugin in load_plugins(["legacy"])]
    ['legacy 1']
    """
    plugins = tuple(_load(text) for text in named)
    names = [plugin.name for plugin in plugins]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise ScorerError(f"Two scorers are called {doubled[0]}; name one of them only, or rename it.")
    return plugins


def _load(text: str) -> Plugin:
    place, _, name = text.rpartition(":")
    if place.endswith(".py"):
        source = _source(Path(place))
        module = _module(Path(place), source)
        if not hasattr(module, name):
            raise ScorerError(f"The scorer {text} is not there: its file defines no {name}.")
        return Plugin(_checked(getattr(module, name), text), hashlib.sha256(source).hexdigest()[:12])
    if text.endswith(".py"):
        raise ScorerError(f"The scorer {text} names a file only; write {text}:NAME with the name of the scorer in it.")
    return Plugin(_checked(_entry_object(text), text))


def _entry_object(name: str) -> object:
    from importlib.metadata import EntryPoint, entry_points

    installed = list(entry_points(group=GROUP))
    if name in _OWN:
        installed = [EntryPoint(name, _OWN[name], GROUP)]
    found = {entry.value: entry for entry in installed if entry.name == name}
    if not found:
        known = ", ".join(sorted({*_OWN, *(entry.name for entry in installed)}))
        raise ScorerError(f"There is no scorer called {name}; there are: {known}; or name a file as FILE.py:NAME.")
    if len(found) > 1:
        raise ScorerError(f"Two installed packages have a scorer called {name}: {' and '.join(sorted(found))}.")
    try:
        return cast("object", next(iter(found.values())).load())
    except (Exception, SystemExit) as error:
        raise ScorerError(f"The scorer {name} cannot be imported ({_said(error)}).") from error


def _source(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ScorerError(f"The scorer's file {file} cannot be read ({error.strerror}); check --scorer.") from error


def _module(file: Path, source: bytes) -> ModuleType:
    """The module of these very bytes, whose digest is its identity: an import might take stale bytecode, and would
    leave its own beside the file."""
    # Dataclasses look their module up by its name.
    name = f"uimon_scorer_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]}"
    module = sys.modules[name] = ModuleType(name)
    module.__file__ = str(file)
    try:
        exec(compile(source, str(file), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        raise ScorerError(f"The scorer's file {file} cannot be imported ({_said(error)}).") from error
    return module


def _checked(found: object, text: str) -> Scorer:
    """The scorer, made where a class was named. Raises `ScorerError` for what is none."""
    try:
        scorer = found() if isinstance(found, type) else found
    except (Exception, SystemExit) as error:
        raise ScorerError(f"The scorer {text} cannot be made ({_said(error)}).") from error
    name, version = getattr(scorer, "name", None), getattr(scorer, "version", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ScorerError(f"The scorer {text} needs a `name` of small letters, digits and _, not {name!r}.")
    if not isinstance(version, str) or not version:
        raise ScorerError(f"The scorer {text} needs a `version`, a text, not {version!r}.")
    if lacking := [method for method in ("measure", "aggregate") if not callable(getattr(scorer, method, None))]:
        raise ScorerError(f"The scorer {text} has no method `{lacking[0]}`.")
    return cast("Scorer", scorer)


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float | None]:
    """The metrics with undefined as None. Raises ValueError for what is no name or no number."""
    for name, value in metrics.items():
        if not isinstance(name, str) or not _METRIC.fullmatch(name):
            raise ValueError(f"{name!r} is no name for a metric")
        if value is not None and not isinstance(value, (int, float)):
            raise ValueError(f"the metric {name} is {value!r} and not a number")
    return {
        name: None if value is None or not math.isfinite(value) else float(value) for name, value in metrics.items()
    }


def _said(error: BaseException) -> str:
    """An error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
