"""How a demo's end looks in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scorers.metrics.catalog import HEADLINES
from watcher.demo.verdict import STEP, DemoFailure, Plan, TrainerPace, eval_rows, trainer_rows
from watcher.ledger.checkpoint_status import CheckpointStatus
from watcher.model import JsonObject, State

_COLUMNS: Final = {STEP: "step", **{metric.name: metric.headline for metric in HEADLINES}}


def metrics_table(history: Sequence[JsonObject]) -> Table:
    """One line for each evaluation that the run holds."""
    table = Table(
        title="Read back from the run", title_justify="left", box=None, pad_edge=False, header_style="bold underline"
    )
    for title in _COLUMNS.values():
        table.add_column(title, justify="right", no_wrap=True)
    for row in eval_rows(history):
        table.add_row(*(_number(row.get(name)) for name in _COLUMNS))
    return table


def _number(value: object) -> str:
    """A metric as it is shown; what is undefined is a dash.

    >>> _number(None), _number(300), _number(0.984375), _number(1234.0)
    ('–', '300', '0.984', '1234')
    """
    if not isinstance(value, (int, float)):
        return "–"
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.3f}"


def rows_line(plan: Plan, history: Sequence[JsonObject], checkpoints: Sequence[CheckpointStatus]) -> str:
    """How many rows of each writer the run holds, and how many there should be."""
    evaluated = sum(row.state in (State.EVALUATED, State.PUBLISHED) for row in checkpoints)
    skipped = sum(row.state is State.SKIPPED for row in checkpoints)
    aside = f", {skipped} skipped with a reason" if skipped else ""
    perplexities = sum(row.get("train/uid") is not None for row in history)
    return (
        f"In the run: {len(trainer_rows(history))} of {plan.steps} rows of the trainer; {len(eval_rows(history))} of "
        f"{evaluated} evaluations ({len(plan.checkpoints)} checkpoints{aside}); {perplexities} of train/perplexity."
    )


def pace_lines(measured: TrainerPace, *, pinned: bool) -> list[str]:
    """What the trainer's steps took before and while uimon worked, and what that number does not say."""
    if measured.alone is None or measured.beside is None:
        return ["The trainer was too fast to compare its steps before uimon started with those while it worked."]
    change = (measured.beside / measured.alone - 1) * 100
    where = "each on a core of its own" if pinned else "on the same core"
    return [
        f"The trainer's median step: {measured.alone:.3f} s before uimon started ({measured.alone_steps} steps), "
        f"{measured.beside:.3f} s while it worked ({measured.beside_steps} steps): {change:+.1f} %.",
        f"This is one shared machine, {where}: memory and caches are shared, and other programs count too. "
        "On a GPU of its own, uimon shares only the host with the trainer.",
    ]


def print_places(console: Console, places: Mapping[str, str | Path]) -> None:
    """Where to look next; `places` maps what it is to a path, address or command, one a line so it can be copied."""
    width = max(map(len, places), default=0) + 2
    for what, place in places.items():
        console.print(Text.assemble((what.ljust(width), "dim"), str(place)), soft_wrap=True)


def print_failures(console: Console, failures: Sequence[tuple[DemoFailure, str]]) -> None:
    """Each failure's name and sentence, or that all is well."""
    if not failures:
        console.print(Text("The demo did what it should.", style="bold green"))
    for name, sentence in failures:
        console.print(Text.assemble((f"{name}: ", "bold red"), sentence), soft_wrap=True)
