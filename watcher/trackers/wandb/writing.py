"""Joining one run, logging, and leaving it as it was. Only a session imports this module: it imports the SDK.

The trainer's run keeps what is the trainer's: its configuration is loaded and sent back as it was, its summary too,
its console log, system metrics, requirements and metadata are not touched. The definitions of its metrics are
repeated, because joining a run sends an empty list of them first.

Its state: while the trainer lives (`running`), the session changes nothing. W&B brings a run that had ended back to
`running` when a row arrives, so a session that joins one ends it again: a `finished` run as finished, a `crashed`,
`failed` or `killed` one with exit code 1, which W&B shows as `failed`. A trainer that ends within the seconds of a
session that found it running is noticed (`closing`), and the run is ended as it has left it.

The companion is a run of uimon's own beside a trainer's in which nothing may be written yet.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import wandb
from wandb.apis.public.runs import Run as PublicRun

from watcher.model import Alert, Reason, Row, UimonError
from watcher.system.crashpoint import crash_point
from watcher.trackers.wandb import closing, content, definitions, joining, leaving, own_run, reading
from watcher.trackers.wandb.run import ENDED, RunFacts, RunRef
from watcher.trackers.wandb.wire import Limits, PublishPlan

_LABEL = "uimon"
# W&B sends no alert with a title that the run had within this time: one raised just before a kill comes once.
_SAME_ALERT_SECONDS = 24 * 3600


class Parent(Protocol):
    """The process that asked for the session."""

    def commit_mark(self, position: int, uids: list[str]) -> bool:
        """Let it commit the mark; False where it did not, and then nothing may be logged."""
        ...

    def say_left(self, state: str) -> None:
        """Tell it in which state the trainer has left its run."""
        ...


@dataclass(frozen=True, slots=True)
class Sent:
    """What a session knows of the rows that it was to log: `refused` are those that the SDK did not take, with what it
    said, and `kept` those that it did not hand on to W&B, or that W&B has refused.
    """

    refused: Mapping[str, str] = field(default_factory=dict)
    kept: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Destination:
    """Where rows go: `run` as W&B shows it (None: it is made), `init` what the SDK joins it with, `url` its page.

    `summary` is what the summary of a run that has ended holds of the trainer's, and has to hold afterwards. `joins`: a
    living trainer writes there, too.
    """

    ref: RunRef
    run: PublicRun | None
    init: Mapping[str, Any]
    url: str | None = None
    exit_code: int = 0
    definitions: Sequence[Mapping[str, Any]] = ()
    summary: dict[str, Any] | None = None
    joins: bool = False


def trainers_run(
    ref: RunRef,
    run: PublicRun | None,
    facts: RunFacts,
    session: joining.SessionMode,
    order: PublishPlan,
    limits: Limits,
) -> Destination:
    """The trainer's own run, joined as `session` says."""
    assert run is not None
    ended = facts.state in ENDED
    settings = session_settings(limits, shared=session is joining.SessionMode.JOIN, close=ended)
    settings.update_from_dict(_origin(run))
    return Destination(
        own_run.resolved(ref, facts),
        run,
        {"resume": "must", "settings": settings},
        facts.url,
        exit_code=0 if not ended or _left(facts, order) == "finished" else 1,
        definitions=definitions.of_config(run.rawconfig),
        summary=_trainers_summary(run) if ended else None,
        joins=session is joining.SessionMode.JOIN and not ended,
    )


def companion(ref: RunRef, facts: RunFacts, order: PublishPlan, limits: Limits) -> Destination:
    """The run of uimon's own, as the companion of the trainer's; each session leaves it finished."""
    name, settings = own_run.resolved(ref, facts), session_settings(limits, shared=True, close=True)
    if order.claim:
        own = own_run.hold(name, facts, order.claim, order.claim_within, settings)
    else:
        own = own_run.obtain(name, facts)
    init = {"resume": "must", **own_run.description(name, facts), "settings": settings}
    url = facts.url and facts.url.rsplit("/", 1)[0] + f"/{own.ref.run_id}"
    return Destination(own.ref, own.run, init, url, definitions=definitions.HUGGING_FACE)


def log_rows(
    place: Destination,
    rows: Sequence[Row],
    alerts: Sequence[Alert],
    position: int,
    parent: Parent,
    limits: Limits,
    *,
    living: bool,
) -> Sent:
    """Log the rows once the parent has committed the mark; `living`: the trainer's run, while its trainer lives."""

    def commit() -> None:
        if not parent.commit_mark(position, [row.uid for row in rows]):
            raise UimonError(Reason.NOT_DELIVERED, "The mark was not committed, so nothing was logged.")
        crash_point("publish.before_log")

    sent = _log_beside(place, rows, alerts, commit, limits, parent) if living else _log(place, rows, alerts, commit)
    crash_point("publish.logged")
    return sent


def _log_beside(
    place: Destination,
    rows: Sequence[Row],
    alerts: Sequence[Alert],
    commit: Callable[[], None],
    limits: Limits,
    parent: Parent,
) -> Sent:
    """As `_log`, beside a trainer that lives; where it ends meanwhile, the run is ended as it has left it."""
    with closing.StateWatch(place.ref, parent.say_left) as watch:
        sent = _log(place, rows, alerts, commit)
    if watch.left:
        try:
            close(place.ref, watch.left, limits)
        except UimonError as error:
            # The rows are in the run, which is what a publication is for; the service finds the run left open.
            print(f"uimon: the run was not ended again ({error.sentence})", file=sys.stderr)
    return sent


def close(ref: RunRef, state: str, limits: Limits) -> None:
    """End the run as its trainer has left it, in `state`, with everything else as it is. Raises `UimonError`."""
    run = reading.load(ref)
    if run is None or run.state in ENDED - {"crashed"}:
        return
    settings = session_settings(limits, shared=True, close=True)
    settings.update_from_dict(_origin(run))
    place = Destination(
        ref,
        run,
        {"resume": "must", "settings": settings},
        exit_code=0 if state == "finished" else 1,
        definitions=definitions.of_config(run.rawconfig),
        summary=_trainers_summary(run),
    )
    _log(place, (), (), lambda: None)
    give_back_origin(place)


def end(ref: RunRef, state: str, since: float, limits: Limits) -> bool:
    """End an open run as `state`; where that is empty, as finished if its trainer has left it since that moment of
    W&B's clock. True where it was. Raises `UimonError`.
    """
    run = reading.load(ref)
    if run is None or run.state not in ("running", "crashed") or not (state or closing.left_since(run, since)):
        return False
    close(own_run.resolved(ref, reading.facts_of(run)), state or "finished", limits)
    return True


def _log(place: Destination, rows: Sequence[Row], alerts: Sequence[Alert], commit: Callable[[], None]) -> Sent:
    """Join the run, `commit` the mark, log each row, leave. Until the commit nothing of a row can be in the run.

    Raises `UimonError` where the run could not be joined, and what `commit` raises.
    """
    refused: dict[str, str] = {}
    ref = place.ref
    try:
        run = wandb.init(entity=ref.entity, project=ref.project, id=ref.run_id, **place.init)
        definitions.repeat(run, place.definitions)
        commit()
        for row in rows:
            try:
                run.log(content.of_row(row))
            except (TypeError, ValueError, wandb.Error) as error:
                # One row that cannot be expressed must not hold back the others.
                refused[row.uid] = f"{row.uid} ({error})"
        for alert in alerts:
            run.alert(content.title_of(alert), alert.text, level=alert.level.upper(), wait_duration=_SAME_ALERT_SECONDS)
        if place.summary is not None:
            run.summary.update(place.summary)
        said = leaving.leave(run, place.exit_code)
    except reading.FAILURES as error:
        raise reading.explain(error) from error
    logged = [row.uid for row in rows if row.uid not in refused]
    return Sent(refused, () if said.reached is None else logged[said.reached :])


def give_back_origin(place: Destination) -> None:
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


def _left(facts: RunFacts, order: PublishPlan) -> str | None:
    """The state in which the trainer left a run that has ended; W&B calls one crashed that a killed session opened."""
    return order.ended if facts.state == "crashed" and order.ended else facts.state


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


def session_settings(limits: Limits, *, shared: bool, close: bool) -> wandb.Settings:
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
