"""What a session does with W&B. Nothing outside a session imports this module: it imports the SDK.

A publication reads first and writes last:

1. The run must exist, and in mode `auto` its telemetry must say that its newest writer is in shared mode: next
   to a default-mode writer every second writer costs rows. The check covers the moment at which it is made; a
   default-mode trainer that starts in the seconds after it is not covered.
2. Rows that were attempted before are looked for from their mark on; those that are there are delivered.
3. The run's position is marked, the parent commits the mark, and only then are the other rows logged.
4. `finish()` returns normally even where nothing arrived, so the rows are read back, by uid, from the mark on:
   what is not seen is not delivered.

The run's state: while the trainer lives (`running`), the session changes nothing. W&B brings a run that had
ended back to `running` when a row arrives, so a session that joins one ends it again: a `finished` run as
finished, a `crashed`, `failed` or `killed` one with exit code 1, which W&B shows as `failed`. A trainer that
ends within the seconds of a session that found it running may be left `running` until W&B misses its heartbeat.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import wandb
from wandb.apis.public.runs import Run as PublicRun
from wandb.apis.public.runs import RunNotFoundError
from wandb.sdk.lib.service.service_connection import WandbApiFailedError

from watcher.crashpoint import crash_point
from watcher.model import JsonScalar, Reason, Row, RowKind, Table, UimonError
from watcher.publish.run import RunFacts, RunRef
from watcher.publish.wire import Limits, Message, Mode, published_message

# `shared_mode` in the SDK's telemetry enumeration (wandb.proto.wandb_telemetry_pb2.Feature).
_FEATURE_SHARED_MODE = 67
_LABEL = "uimon"
_ENDED = frozenset({"finished", "crashed", "failed", "killed"})
_SAMPLES_KEY = "eval/sample_generations"
_X_AXIS = "train/global_step"
# What the SDK says where the server was not reached, or only to answer that it is not well.
_OUTAGE_WORDS = (
    "giving up after",
    "timed out",
    "timeout",
    "deadline exceeded",
    "dial tcp",
    "connection",
    "HTTP 5",
    "EOF",
)

# The public API raises wandb-core's own error where it pages, and its own wrapping of it elsewhere.
_FAILURES = (wandb.Error, WandbApiFailedError, TimeoutError)

CommitMark = Callable[[int, list[str]], bool]


def inspect(ref: RunRef) -> RunFacts:
    """What W&B says of the run. Raises `UimonError` where W&B cannot be asked."""
    run = _load(ref)
    return RunFacts(exists=False) if run is None else _facts(run)


def publish(ref: RunRef, rows: Sequence[Row], mode: Mode, limits: Limits, commit_mark: CommitMark) -> Message:
    """Bring `rows` into the run and answer with the `published` message. Raises `UimonError` before anything is
    logged: the run is missing, its trainer is not in shared mode, or W&B cannot be reached or refuses."""
    run = _load(ref)
    if run is None:
        raise UimonError(
            Reason.RUN_NOT_FOUND,
            f"W&B has no run {ref.name}: check the id, or start the trainer with "
            f"WANDB_MODE=shared WANDB_RUN_ID={ref.run_id}; rows wait until the run exists.",
        )
    facts = _facts(run)
    if mode == "auto" and not facts.shared:
        raise UimonError(
            Reason.TRAINER_NOT_SHARED,
            f"The trainer of run {facts.path} writes in W&B's default mode, in which a second writer would overwrite "
            f"its rows, so nothing was written: start the trainer with WANDB_MODE=shared WANDB_RUN_ID={ref.run_id}.",
        )
    seen = _find_attempted(run, rows)
    due = [row for row in rows if not seen[row.uid]]
    refused: list[str] = []
    if due:
        position = _position(run)
        if not commit_mark(position, [row.uid for row in due]):
            raise UimonError(Reason.NOT_DELIVERED, "The mark was not committed, so nothing was logged.")
        crash_point("publish.before_log")
        refused = _log(ref, facts, due, limits)
        crash_point("publish.logged")
        seen += _read_back(run, due, position, limits)
    return _answer(rows, seen, refused, facts)


def _answer(rows: Sequence[Row], seen: Counter[str], refused: Sequence[str], facts: RunFacts) -> Message:
    delivered = [row.uid for row in rows if seen[row.uid]]
    missing = len(rows) - len(delivered)
    detail = ""
    if missing:
        detail = f"{missing} of {len(rows)} rows were sent but not seen in run {facts.path}; they are tried again."
    if refused:
        detail = f"W&B's SDK did not take {len(refused)} of {len(rows)} rows: {refused[0][:300]}."
    duplicates = [row.uid for row in rows if seen[row.uid] > 1]
    return published_message(delivered, duplicates, facts.url, Reason.NOT_DELIVERED if missing else None, detail)


def _load(ref: RunRef) -> PublicRun | None:
    """The run with all its attributes, None where there is none."""
    try:
        api = wandb.Api(timeout=60)
        entity = ref.entity or api.default_entity
        return api.run(f"{entity}/{ref.project}/{ref.run_id}")
    except _FAILURES as error:
        if isinstance(getattr(error, "exc", None), RunNotFoundError):
            return None
        raise _explain(error) from error


def _explain(error: Exception) -> UimonError:
    """The SDK's exception as the reason and the sentence it amounts to."""
    text = " ".join(str(error).split())[:300]
    if any(word in text for word in _OUTAGE_WORDS):
        return UimonError(Reason.WANDB_UNREACHABLE, f"W&B does not answer; it is tried again ({text}).")
    if "No API key configured" in text or "No authentication configured" in text:
        return UimonError(
            Reason.WANDB_KEY_MISSING,
            "There is no W&B key: set WANDB_API_KEY or WANDB_API_KEY_FILE, or run `wandb login`.",
        )
    return UimonError(
        Reason.WANDB_REFUSED, f"W&B refused: {text}. Check the key, and that it may write to this entity and project."
    )


def _facts(run: PublicRun) -> RunFacts:
    telemetry = run.rawconfig.get("_wandb", {}).get("t", {})
    return RunFacts(
        exists=True,
        state=run.state,
        shared=_FEATURE_SHARED_MODE in telemetry.get("3", []),
        url=run.url,
        path="/".join(run.path),
        history_lines=int(getattr(run, "historyLineCount", 0) or 0),
    )


def _position(run: PublicRun) -> int:
    """The smallest `_step` that a row logged from now on can get."""
    try:
        return int(run.lastHistoryStep) + 1
    except _FAILURES as error:
        raise _explain(error) from error


def _find_attempted(run: PublicRun, rows: Iterable[Row]) -> Counter[str]:
    """How often the run holds each row that was attempted before."""
    attempted = [row for row in rows if row.mark is not None]
    marks = [row.mark for row in attempted if row.mark is not None]
    return _find(run, attempted, min(marks)) if marks else Counter()


def _find(run: PublicRun, rows: Iterable[Row], position: int) -> Counter[str]:
    """How often the run holds each of `rows` at or after `position`: only those pages are read."""
    wanted = {(row.kind, row.uid) for row in rows}
    seen: Counter[str] = Counter()
    try:
        for kind in sorted({kind for kind, _ in wanted}):
            key = f"{kind}/uid"
            # The SDK's cache would show yesterday's history; a scan by key skips the trainer's rows.
            lines = run.scan_history(keys=[key], min_step=position, use_cache=False)
            seen.update(line[key] for line in lines if (kind, line[key]) in wanted)
    except _FAILURES as error:
        raise _explain(error) from error
    return seen


def _read_back(run: PublicRun, rows: Sequence[Row], position: int, limits: Limits) -> Counter[str]:
    """Read until all `rows` are seen or `limits.polls` readings are done: W&B may show a row late."""
    seen: Counter[str] = Counter()
    for attempt in range(limits.polls):
        if attempt:
            time.sleep(limits.poll_pause)
        try:
            seen = _find(run, rows, position)
        except UimonError:
            # The rows are sent: an outage now means that nothing is proven yet, and the next reading may be.
            continue
        if all(seen[row.uid] for row in rows):
            break
    return seen


def _log(ref: RunRef, facts: RunFacts, rows: Sequence[Row], limits: Limits) -> list[str]:
    """Join the run, log each row, leave. Answers what the SDK said of each row that it did not take."""
    entity, project, _ = (facts.path or ref.name).rsplit("/", 2)
    refused: list[str] = []
    try:
        run = wandb.init(
            entity=entity, project=project, id=ref.run_id, resume="must", settings=_settings(facts, limits)
        )
        _define_metrics(run)
        for row in rows:
            try:
                run.log(_content(row))
            except (TypeError, ValueError, wandb.Error) as error:
                # One row that cannot be expressed must not hold back the others.
                refused.append(f"{row.uid} ({error})")
        run.finish(exit_code=1 if facts.state in _ENDED - {"finished"} else 0)
    except _FAILURES as error:
        raise _explain(error) from error
    return refused


def _settings(facts: RunFacts, limits: Limits) -> wandb.Settings:
    return wandb.Settings(
        mode="shared",
        x_primary=False,
        x_label=_LABEL,
        x_update_finish_state=facts.state in _ENDED,
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


def _define_metrics(run: wandb.Run) -> None:
    """Give the axes again that the trainer defined: joining a run sends an empty list of them first."""
    run.define_metric(_X_AXIS)
    run.define_metric("*", step_metric=_X_AXIS, step_sync=True)
    run.define_metric("eval/*", step_metric=_X_AXIS)


def _content(row: Row) -> dict[str, Any]:
    """What is logged of a row: undefined values are left out, the axis and the uid are always there."""
    content: dict[str, Any] = {key: value for key, value in row.values.items() if value is not None}
    content[_X_AXIS] = row.step
    content[f"{row.kind}/uid"] = row.uid
    if row.table is not None and row.kind is RowKind.EVAL:
        content[_SAMPLES_KEY] = _table(row.table)
    return content


def _table(table: Table) -> wandb.Table:
    data = [[_encodable(cell) for cell in cells] for cells in table.rows]
    columns = [{_type_of(cell) for cell in column if cell is not None} for column in zip(*data, strict=True)]
    # The SDK refuses a column of mixed types unless told that they are meant.
    mixed = any(len(types) > 1 for types in columns)
    return wandb.Table(columns=list(table.columns), data=data, allow_mixed_types=mixed, log_mode="IMMUTABLE")


def _encodable(cell: JsonScalar) -> JsonScalar:
    """Models write lone surrogates now and then, which no file and no request can hold."""
    return cell.encode(errors="replace").decode() if isinstance(cell, str) else cell


def _type_of(cell: JsonScalar) -> str:
    if isinstance(cell, bool):
        return "boolean"
    return "number" if isinstance(cell, int | float) else "string"
