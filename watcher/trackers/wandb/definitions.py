"""The definitions of a run's metrics: read from the run's configuration, and made again by a session that joins it.

A definition in the configuration has the numbers of W&B's protocol as its keys (`MetricRecord` in
wandb/proto/wandb_internal.proto): 1 name, 2 pattern, 5 position of the axis among the definitions, counted from 1,
6 and 7 options and summaries, both as lists of the numbers that are set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from watcher.model import JsonObject

if TYPE_CHECKING:
    import wandb

Definition = JsonObject
"""Arguments of `wandb.Run.define_metric`."""

_AXIS = "train/global_step"
# What transformers' WandbCallback defines.
HUGGING_FACE: Sequence[Definition] = (
    {"name": _AXIS},
    {"name": "*", "step_metric": _AXIS, "step_sync": True},
)
_OPTIONS = {1: "step_sync", 2: "hidden"}
_SUMMARIES = {1: "min", 2: "max", 3: "mean", 4: "best", 5: "last", 6: "none", 7: "copy", 8: "first"}


def of_config(config: JsonObject) -> Sequence[Definition]:
    """The trainer's definitions, by its run's configuration; Hugging Face's where it has none.

    >>> of_config({"_wandb": {"m": [{"1": "step", "6": [3]}, {"2": "loss/*", "5": 1, "6": [1], "7": [1]}]}})
    [{'name': 'step'}, {'name': 'loss/*', 'step_metric': 'step', 'step_sync': True, 'summary': 'min'}]
    """
    known = config.get("_wandb", {}).get("m") or []
    names = [entry.get("1") or entry.get("2") for entry in known]
    found = [_definition(entry, names) for entry in known if (entry.get("1") or entry.get("2")) and "10" not in entry]
    return found or HUGGING_FACE


def repeat(run: wandb.Run, definitions: Sequence[Definition]) -> None:
    """Make the definitions again, and uimon's own: its metrics go over the training step."""
    for definition in definitions:
        run.define_metric(**definition)
    for pattern in ("eval/*", "uimon/*"):
        run.define_metric(pattern, step_metric=_AXIS)


def _definition(entry: JsonObject, names: Sequence[str | None]) -> Definition:
    definition: dict[str, object] = {"name": entry.get("1") or entry.get("2")}
    axis = entry.get("5") or 0
    if 0 < axis <= len(names):
        definition["step_metric"] = names[axis - 1]
    definition |= {name: True for number, name in _OPTIONS.items() if number in entry.get("6", ())}
    summaries = [name for number, name in _SUMMARIES.items() if number in entry.get("7", ())]
    if summaries:
        definition["summary"] = ",".join(summaries)
    return definition
