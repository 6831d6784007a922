"""What a session does with W&B. Nothing outside a session imports this module: it imports the SDK.

A publication reads first and writes last:

1. The run must exist, and what W&B says of it decides how rows may go into it now (`joining`).
2. Rows that were attempted before are looked for from their mark on; those that are there are delivered.
3. The run's position is marked, the parent commits the mark, and only then are the other rows logged.
4. `finish()` returns normally even where nothing arrived, so the rows are read back, by uid, from the mark on:
   what is not seen is not delivered.

The trainer's run keeps what is the trainer's: its configuration is loaded and sent back as it was, its summary too,
its console log, system metrics, requirements and metadata are not touched. The definitions of its metrics are
repeated, because joining a run sends an empty list of them first.

Its state: while the trainer lives (`running`), the session changes nothing. W&B brings a run that had ended back to
`running` when a row arrives, so a session that joins one ends it again: a `finished` run as finished, a `crashed`,
`failed` or `killed` one with exit code 1, which W&B shows as `failed`. A trainer that ends within the seconds of a
session that found it running may be left `running` until W&B misses its heartbeat.

The companion is a run of uimon's own beside a trainer's in which nothing may be written yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import wandb
from wandb.apis.public.runs import Run as PublicRun

from watcher.crashpoint import crash_point
from watcher.model import Alert, JsonScalar, LoggedStep, Reason, Row, RowKind, Table, Target, UimonError
from watcher.printable import printable
from watcher.publish import definitions, joining, reading, searching
from watcher.publish.run import ENDED, RunFacts, RunRef, is_run_id
from watcher.publish.wire import Limits, Message, Order, published_message

_LABEL = "uimon"
# W&B sends no alert with a title that the run had within this time: one raised just before a kill comes once.
_SAME_ALERT_SECONDS = 24 * 3600
_LONGEST_TITLE = 63
"""W&B takes titles of less than 64 characters."""
_SAMPLES_KEY = "eval/sample_generations"
_X_AXIS = "train/global_step"

CommitMark = Callable[[int, list[str]], bool]


@dataclass(frozen=True, slots=True)
class _Destination:
    """Where rows go: `run` as W&B shows it (None: it is made), `init` what the SDK joins it with, `url` its page.

    `summary` is what the summary of a run that has ended holds of the trainer's, and has to hold afterwards.
    """

    ref: RunRef
    run: PublicRun | None
    init: Mapping[str, Any]
    url: str | None = None
    exit_code: int = 0
    definitions: Sequence[Mapping[str, Any]] = ()
    summary: dict[str, Any] | None = None


def inspect(ref: RunRef, *, search: bool = False) -> RunFacts:
    """What W&B says of the run; `search` says of a missing one where it may be instead. Raises `UimonError` where W&B
    cannot be asked.
    """
    run = reading.load(ref) if is_run_id(ref.run_id) else None
    return searching.search(ref) if run is None and search else reading.facts_of(run)


def logged_steps(ref: RunRef) -> list[LoggedStep]:
    """What the trainer has logged into the run of its steps. Raises `UimonError` where W&B cannot be asked."""
    return reading.logged_steps(reading.load(ref))


def publish(
    ref: RunRef, rows: Sequence[Row], alerts: Sequence[Alert], order: Order, limits: Limits, commit_mark: CommitMark
) -> Message:
    """Bring `rows` where the order says, raise `alerts` there, and answer with the `published` message.

    Raises `UimonError` before anything is logged: the run is missing, nothing may be written into it now, or W&B
    cannot be reached or refuses.
    """
    run = reading.load(ref)
    facts = reading.facts_of(run)
    if order.target is Target.COMPANION:
        place = _companion(ref, facts, limits)
    else:
        session = joining.decide(ref, facts, order.mode, settled=order.settled)
        place = _trainers_run(ref, run, facts, session, order, limits)
    found = reading.survey(place.run) if order.survey else None
    seen = reading.find_attempted(place.run, rows) if found is None else +Counter({r.uid: found[r.uid] for r in rows})
    due = [row for row in rows if not seen[row.uid]]
    refused: list[str] = []
    if due or alerts:
        position = reading.position_of(place.run)
        if not commit_mark(position, [row.uid for row in due]):
            raise UimonError(Reason.NOT_DELIVERED, "The mark was not committed, so nothing was logged.")
        crash_point("publish.before_log")
        refused = _log(place, due, alerts)
        crash_point("publish.logged")
        seen += _read_back(place, due, position, limits)
        if place.summary is not None:
            _give_back_origin(place)
    return _answer(rows, alerts, seen, found, refused, place.url)


def _read_back(place: _Destination, rows: Sequence[Row], position: int, limits: Limits) -> Counter[str]:
    """How often W&B shows each row now; none of them where the run that was just made is not shown yet."""
    run = place.run or reading.load(place.ref)
    return Counter() if run is None else reading.read_back(run, rows, position, limits)


def _give_back_origin(place: _Destination) -> None:
    """Put back what W&B's SDK drops from a run's configuration when another process resumes it: on what machine and
    by which program the trainer ran. While the trainer lives it does so itself, with its next write.
    """
    assert place.run is not None
    origin = place.run.rawconfig.get("_wandb", {}).get("e")
    try:
        now = reading.load(place.ref)
        if now is None or now.state not in ENDED or not origin or now.rawconfig.get("_wandb", {}).get("e") == origin:
            return
        now.rawconfig["_wandb"]["e"] = origin
        now.update()
    except (*reading.FAILURES, UimonError):
        # The rows are in the run, which is what a publication is for.
        return


def _answer(
    rows: Sequence[Row],
    alerts: Sequence[Alert],
    seen: Counter[str],
    found: Counter[str] | None,
    refused: Sequence[str],
    url: str | None,
) -> Message:
    delivered = [row.uid for row in rows if seen[row.uid]]
    missing = len(rows) - len(delivered)
    detail = ""
    if missing:
        detail = f"{missing} of {len(rows)} rows were sent but not seen in the run; they are tried again."
    if refused:
        detail = f"W&B's SDK did not take {len(refused)} of {len(rows)} rows: {refused[0][:300]}."
    copies = {uid: count for uid, count in seen.items() if count > 1}
    waiting = Reason.NOT_DELIVERED if missing else None
    # The SDK does not say whether W&B took an alert; where rows of the same session are missing it may not have.
    raised = [] if missing else [alert.key for alert in alerts]
    surveyed = None if found is None else list(found)
    return published_message(delivered, copies, raised, surveyed, url, waiting, detail)


def _trainers_run(
    ref: RunRef, run: PublicRun | None, facts: RunFacts, session: joining.Session, order: Order, limits: Limits
) -> _Destination:
    assert run is not None
    ended = facts.state in ENDED
    settings = _settings(limits, shared=session is joining.Session.JOIN, close=ended)
    settings.update_from_dict(_origin(run))
    return _Destination(
        _resolved(ref, facts),
        run,
        {"resume": "must", "settings": settings},
        facts.url,
        exit_code=1 if ended and (order.ended or facts.state) != "finished" else 0,
        definitions=definitions.of_config(run.rawconfig),
        summary=_trainers_summary(run) if ended else None,
    )


def _trainers_summary(run: PublicRun) -> dict[str, Any]:
    """What the run's summary holds that is not uimon's; of its own the newest stays, which an earlier one is not."""
    own = ("train/perplexity", "train/uid")
    return {
        name: value
        for name, value in dict(run.summary_metrics).items()
        if name not in own and not name.startswith(("eval/", "uimon/"))
    }


def _origin(run: PublicRun) -> dict[str, str]:
    """The host and the program that the run shows, which a session would replace by its own."""
    writers: dict[str, dict[str, Any]] = run.rawconfig.get("_wandb", {}).get("e") or {}
    newest: dict[str, Any] = max(writers.values(), key=lambda writer: str(writer.get("startedAt", "")), default={})
    return {name: newest[name] for name in ("host", "program") if isinstance(newest.get(name), str)}


def _companion(ref: RunRef, facts: RunFacts, limits: Limits) -> _Destination:
    """The companion of the trainer's run, which need not exist yet; each session leaves it finished."""
    own = _resolved(ref, facts).companion
    notes = (
        f"What uimon found in the checkpoints of run {facts.url or facts.path}. Its trainer writes in W&B's default "
        "mode, which allows no second writer, so these rows go into that run once it has ended."
    )
    init = {
        "resume": "allow",
        "name": printable(f"{facts.title} (uimon)"),
        "group": facts.group or own.run_id.removesuffix(f"-{_LABEL}"),
        "job_type": "eval",
        "notes": notes,
        "settings": _settings(limits, shared=True, close=True),
    }
    url = facts.url and facts.url.rsplit("/", 1)[0] + f"/{own.run_id}"
    return _Destination(own, reading.load(own), init, url, definitions=definitions.HUGGING_FACE)


def _resolved(ref: RunRef, facts: RunFacts) -> RunRef:
    """The run by its full name, as W&B knows it."""
    entity, project, _ = (facts.path or ref.name).rsplit("/", 2)
    return replace(ref, entity=entity, project=project)


def _log(place: _Destination, rows: Sequence[Row], alerts: Sequence[Alert]) -> list[str]:
    """Join the run, log each row, leave. Answers what the SDK said of each row that it did not take."""
    refused: list[str] = []
    ref = place.ref
    try:
        run = wandb.init(entity=ref.entity, project=ref.project, id=ref.run_id, **place.init)
        definitions.repeat(run, place.definitions)
        for row in rows:
            try:
                run.log(_content(row))
            except (TypeError, ValueError, wandb.Error) as error:
                # One row that cannot be expressed must not hold back the others.
                refused.append(f"{row.uid} ({error})")
        for alert in alerts:
            run.alert(_title(alert), alert.text, level=alert.level.upper(), wait_duration=_SAME_ALERT_SECONDS)
        if place.summary is not None:
            run.summary.update(place.summary)
        run.finish(exit_code=place.exit_code)
    except reading.FAILURES as error:
        raise reading.explain(error) from error
    return refused


def _title(alert: Alert) -> str:
    """Both ends of a title that is too long: what happened is at its start, the step at its end."""
    if len(alert.title) <= _LONGEST_TITLE:
        return alert.title
    half = _LONGEST_TITLE // 2
    return f"{alert.title[:half]}…{alert.title[-half:]}"


def _settings(limits: Limits, *, shared: bool, close: bool) -> wandb.Settings:
    """The SDK's settings for a session; `close` says whether the run's end is ours to tell."""
    return wandb.Settings(
        mode="shared" if shared else "online",
        # The primary writer uploads metadata and the configuration file, which are the trainer's.
        x_primary=False,
        x_label=_LABEL if shared else None,
        x_update_finish_state=close,
        init_timeout=limits.init,
        console="off",
        silent=True,
        disable_git=True,
        disable_code=True,
        x_disable_stats=True,
        x_disable_meta=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
    )


def _content(row: Row) -> dict[str, Any]:
    """What is logged of a row: undefined values are left out, the axis and the uid are always there."""
    content: dict[str, Any] = {key: value for key, value in row.values.items() if value is not None}
    content[_X_AXIS] = row.step
    content[f"{row.kind}/uid"] = row.uid
    if row.table is not None and row.kind is RowKind.EVAL:
        content[_SAMPLES_KEY] = _table(row.table)
    return content


def _table(table: Table) -> wandb.Table:
    columns = [{_type_of(cell) for cell in column if cell is not None} for column in zip(*table.rows, strict=True)]
    # The SDK refuses a column of mixed types unless told that they are meant.
    mixed = any(len(types) > 1 for types in columns)
    data = [list(cells) for cells in table.rows]
    return wandb.Table(columns=list(table.columns), data=data, allow_mixed_types=mixed, log_mode="IMMUTABLE")


def _type_of(cell: JsonScalar) -> str:
    if isinstance(cell, bool):
        return "boolean"
    return "number" if isinstance(cell, int | float) else "string"
