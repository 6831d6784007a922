"""How checkpoints and metrics look in a terminal. All that is shown is `Text` or `Cell`: nothing acts as markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from scorers import Grade, grade_of, grades
from scorers.metrics.catalog import HEADLINES
from watcher.alerts import Episode
from watcher.ledger.checkpoint_status import CheckpointStatus
from watcher.ledger.rows import Standing
from watcher.model import AlertLevel, State
from watcher.report.columns import Cell, Column, Columns
from watcher.results.comparison import BaselineComparison
from watcher.results.evidence import WarningWithSamples
from watcher.service.board import Snapshot
from watcher.settings.durations import format_duration

COLUMNS: Final = {**{metric.name: metric.headline for metric in HEADLINES}, "uimon/evaluation_seconds": "sec"}
_STYLES: Final = {Grade.GOOD: "green", Grade.MEDIUM: "yellow", Grade.BAD: "bold red"}
_STATES: Final = {
    State.FAILED: "bold red",
    State.SKIPPED: "yellow",
    State.PUBLISHED: "green",
    State.EVALUATING: "cyan",
}
_PHASES: Final = {"load": "loading", "generate": "generating and scoring", "perplexity": "perplexity"}
_BAR_WIDTH: Final = 24
_WARNINGS: Final = 3
_WARNED: Final = {AlertLevel.INFO: "cyan", AlertLevel.WARN: "yellow", AlertLevel.ERROR: "bold red"}


def metric(name: str, metrics: Mapping[str, float | None]) -> Cell:
    """A metric's value, colored by the measured band that it falls into.

    >>> metric("eval/syntax_validity_rate", {}).text
    '–'
    >>> metric("eval/syntax_validity_rate", {"eval/syntax_validity_rate": 0.9531}).text
    '0.953'
    """
    value = metrics.get(name)
    if value is None:
        return Cell("–", "dim")
    grade = grade_of(name, metrics)
    text = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return Cell(text, _STYLES[grade] if grade else "")


def checkpoint_table(rows: Sequence[CheckpointStatus], last: int | None = None) -> Columns:
    """Checkpoints with their metrics: `rows` as `Ledger.status()` gives them, of which the `last` ones are shown."""
    columns = [
        Column("step", right=True),
        Column("state", elastic=True),
        *(Column(title, right=True) for title in COLUMNS.values()),
        Column("W&B"),
    ]
    return Columns(columns, [_cells(row) for row in (rows[-last:] if last else rows)])


def _cells(row: CheckpointStatus) -> list[Cell]:
    shown = f"{row.state} ({row.reason})" if row.reason else str(row.state)
    if row.superseded:
        shown += " (superseded)"
    if row.rescored:
        shown += " (rescored)"
    return [
        Cell(str(row.step)),
        Cell(shown, _STATES.get(row.state, "")),
        *(metric(name, row.metrics) for name in COLUMNS),
        Cell("" if row.published == "no" else row.published, "green" if row.published == "yes" else "dim"),
    ]


def unevaluated_notes(rows: Sequence[CheckpointStatus]) -> list[Text]:
    """One sentence for each checkpoint that failed or was skipped."""
    return [
        Text(f"Step {row.step} {row.state} ({row.reason}): {row.detail}", style=_STATES[row.state])
        for row in rows
        if row.state in (State.FAILED, State.SKIPPED)
    ]


def document_notes(rows: Sequence[CheckpointStatus]) -> list[Text]:
    """How the document that the metrics came with calls the newest values, in one line; empty before there are any.

    >>> metrics = {"eval/color_entropy": 2.4, "eval/samples": 64.0}
    >>> row = CheckpointStatus(50, "checkpoint-50", State.PUBLISHED, metrics=metrics)
    >>> [note.plain for note in document_notes([row])]
    ["By the bands of the metrics' document, step 50: color_entropy 2.4 medium. Colors above are by measured bands."]
    """
    row = next((row for row in reversed(rows) if grades(row.metrics)), None)
    if row is None:
        return []
    said = [
        f"{name.removeprefix('eval/')} {row.metrics[name]:.3g} {grade['document']}"
        for name, grade in grades(row.metrics).items()
        if grade["document"]
    ]
    if not said:
        return []
    sentence = f"By the bands of the metrics' document, step {row.step}: {', '.join(said)}."
    return [Text(f"{sentence} Colors above are by measured bands.", style="dim")]


def warning_notes(warnings: Sequence[WarningWithSamples]) -> list[Text]:
    """Each early warning with its evidence, what to do, and samples that show it; those that are over in one line."""
    lasting = [_lasting_note(warning.episode, warning.shown or ()) for warning in warnings if warning.episode.active]
    over = [warning.episode for warning in warnings if not warning.episode.active]
    return [*lasting, *(Text(f"Over: {e.title} ({e.rule}, since step {e.step}).", style="dim") for e in over)]


def _lasting_note(episode: Episode, shown: Sequence[str]) -> Text:
    return Text.assemble(
        (f"⚠ {episode.title}", _WARNED[episode.level]),
        f" ({episode.rule}, since step {episode.step}): {episode.evidence}",
        f"\n  Likely cause: {episode.cause}\n  What to do: {episode.fix}",
        *(f"\n  {sentence}" for sentence in shown),
    )


def comparison_table(compared: BaselineComparison) -> Table:
    """What changed since the baseline, with 95 % intervals; clear changes stand out."""
    title = f"Step {compared.step} against {compared.baseline}"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold underline")
    for name in ("metric", "before", "now", "change", "95 % interval"):
        table.add_column(name, justify="left" if name == "metric" else "right", no_wrap=True)
    for delta in compared.deltas:
        interval = "" if delta.low is None or delta.high is None else f"{delta.low:+.3g} to {delta.high:+.3g}"
        style = "bold" if delta.clear else ""
        cells = (f"{delta.before:.3g}", f"{delta.now:.3g}", f"{delta.change:+.3g}", interval)
        table.add_row(delta.metric.removeprefix("eval/"), *cells, style=style)
    return table


def live_panel(
    run: str,
    place: str,
    rows: Sequence[CheckpointStatus],
    standing: Standing,
    now: Snapshot,
    clock: float,
    height: int,
) -> Panel:
    """The live display: what is being done, then the newest checkpoints, of which `rows` are as many as the `height`
    can take. `clock` is the board's clock, in seconds.
    """
    parts: list[RenderableType] = [_work(now, clock), _queue(standing, now), *_warnings(now), Text("")]
    room = height - 10 - len(parts) + 3
    parts.append(checkpoint_table(rows, last=max(3, room)) if rows else Text("No checkpoint yet.", style="dim"))
    title = Text.assemble(("uimon", "bold"), " · run ", (run, "bold"), " · ", place)
    subtitle = Text(now.url, style="blue") if now.url else None
    return Panel(Group(*parts), title=title, subtitle=subtitle, title_align="left", subtitle_align="left")


def _work(now: Snapshot, clock: float) -> RenderableType:
    if now.closing:
        return Text("finishing: delivering what is due", style="yellow")
    progress = now.progress
    if progress is None:
        return Text("waiting for the next checkpoint", style="dim")
    elapsed = format_duration(max(0.0, clock - now.since))
    line = Table.grid(padding=(0, 1))
    done = Text(f"{progress.done}/{progress.total}" if progress.total else "")
    bar = ProgressBar(total=progress.total or 1, completed=progress.done, width=_BAR_WIDTH, pulse=not progress.total)
    line.add_row(
        Text(f"step {progress.step}", style="bold cyan"), Text(_PHASES[progress.phase]), bar, done, Text(elapsed, "dim")
    )
    return line


def _warnings(now: Snapshot) -> list[Text]:
    """The early warnings that hold, the newest ones where there are many."""
    shown = [Text(f"⚠ {line}", style="yellow", no_wrap=True, overflow="ellipsis") for line in now.warnings[-_WARNINGS:]]
    more = len(now.warnings) - len(shown)
    return [*shown, Text(f"⚠ and {more} more: uimon status", style="yellow")] if more else shown


def _queue(standing: Standing, now: Snapshot) -> Text:
    behind = "" if standing.evaluated is None else f", {standing.newest - standing.evaluated} steps behind"
    text = Text(f"{standing.waiting} waiting{behind}")
    if now.publishing:
        text.append(" · publishing", style="cyan")
    if now.due:
        text.append(f" · {now.due} rows due")
    if now.waiting:
        text.append(f" ({now.waiting})", style="yellow")
    return text
