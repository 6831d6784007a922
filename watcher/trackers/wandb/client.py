"""What a session does with W&B. Nothing outside a session imports this module: it imports the SDK.

A publication reads first and writes last:

1. The run must exist, and what W&B says of it decides how rows may go into it now (`joining`).
2. Rows that were attempted before are looked for from their mark on; those that are there are delivered, and those that
   may still be on their way (`proof`) are left alone.
3. The run is joined. Its position, and that the other rows may be in it from now on, is committed by the parent, and
   only then are they logged.
4. `finish()` returns normally even where nothing arrived, so the rows are read back, by uid, from the mark on:
   what is not seen is not delivered, and not lost either. Where the SDK's own log shows that W&B has refused them
   (`transmission`), they were not sent.

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
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import wandb
from wandb.apis.public.runs import Run as PublicRun

from watcher.model import Alert, LoggedStep, Reason, Row, Target, UimonError
from watcher.system.crashpoint import crash_point
from watcher.trackers.wandb import closing, content, definitions, joining, leaving, own_run, reading, searching
from watcher.trackers.wandb.proof import Look, Verdict, judge
from watcher.trackers.wandb.run import ENDED, RunFacts, RunRef, is_run_id
from watcher.trackers.wandb.wire import Limits, Message, Order, PublishResult, published_message

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
class _Sent:
    """What a session knows of the rows that it was to log: `refused` are those that the SDK did not take, with what it
    said, and `kept` those that it did not hand on to W&B, or that W&B has refused.
    """

    refused: Mapping[str, str] = field(default_factory=dict)
    kept: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Destination:
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
    ref: RunRef, rows: Sequence[Row], alerts: Sequence[Alert], order: Order, limits: Limits, parent: Parent
) -> Message:
    """Bring `rows` where the order says, raise `alerts` there, and answer with the `published` message.

    Raises `UimonError` before anything is logged: the run is missing, nothing may be written into it now, or W&B
    cannot be reached or refuses.
    """
    run = reading.load(ref)
    facts = reading.facts_of(run)
    if order.look:
        return _looked(run, rows, facts)
    if order.target is Target.COMPANION:
        place = _companion(ref, facts, order, limits)
    else:
        session = joining.decide(ref, facts, order.mode, settled=order.settled, spoiled=order.spoiled)
        place = _trainers_run(ref, run, facts, session, order, limits)
    survey = reading.survey(place.run, order.now) if order.survey else None
    found = None if survey is None else survey.seen
    look = reading.look(place.run, rows, order.now, order.patience)
    seen = look.seen | (found or Counter())
    # Pages that W&B's own last step contradicts prove nothing of any row.
    doubtful = order.lost or _has_others(found, rows) or (survey is not None and not survey.agrees)
    hold = order.hold and doubtful
    due = _due(rows, seen, look, order, hold=hold)
    before = _first_lines(place) if order.check and (due or alerts) else None
    sent = _Sent()
    if due or alerts:
        if order.claim and order.target is Target.RUN:
            own_run.hold(place.ref, facts, order.claim, order.claim_within, _settings(limits, shared=True, close=True))
        position = reading.position_of(place.run)
        if order.target is Target.RUN and facts.state in ENDED and not order.ended:
            parent.say_left(facts.state)
        living = order.target is Target.RUN and facts.state not in ENDED
        sent = _log_rows(place, due, alerts, position, parent, limits, living=living)
        seen |= _read_back(place, due, position, limits)
        if place.summary is not None:
            _give_back_origin(place)
    answer = _answer(rows, due, alerts, seen, sent, place.url)
    surveyed = None if found is None or hold else tuple(found)
    kept, claimed = _first_rows_kept(place, before, limits), bool(order.claim and (due or alerts))
    return published_message(replace(answer, found=surveyed, first_rows=kept, claimed=claimed))


def _log_rows(
    place: _Destination,
    rows: Sequence[Row],
    alerts: Sequence[Alert],
    position: int,
    parent: Parent,
    limits: Limits,
    *,
    living: bool,
) -> _Sent:
    """Log the rows once the parent has committed the mark; `living`: the trainer's run, while its trainer lives."""

    def commit() -> None:
        if not parent.commit_mark(position, [row.uid for row in rows]):
            raise UimonError(Reason.NOT_DELIVERED, "The mark was not committed, so nothing was logged.")
        crash_point("publish.before_log")

    sent = _log_beside(place, rows, alerts, commit, limits, parent) if living else _log(place, rows, alerts, commit)
    crash_point("publish.logged")
    return sent


def _looked(run: PublicRun | None, rows: Sequence[Row], facts: RunFacts) -> Message:
    """Which of the rows are in the run, whoever has sent them."""
    there = reading.shown(run)
    delivered = tuple(row.uid for row in rows if there[row.uid])
    copies = {uid: count for uid, count in there.items() if count > 1}
    waiting = Reason.OTHER_PUBLISHER if len(delivered) < len(rows) else None
    return published_message(PublishResult(delivered, waiting, url=facts.url, copies=copies))


def _has_others(found: Counter[str] | None, rows: Sequence[Row]) -> bool:
    """Whether rows are there that this ledger has not sent: then an earlier one has, and more may be on their way."""
    own = {row.uid for row in rows if row.attempts}
    return bool(found and found.keys() - own)


def _due(rows: Sequence[Row], seen: Counter[str], look: Look, order: Order, *, hold: bool) -> list[Row]:
    """The rows of which it is certain that the run does not hold them. `hold`: none is, but those that are proven."""
    absent = [row for row in rows if not seen[row.uid]]
    if hold:
        return [row for row in absent if row.sent and judge(row, look, order.patience) is Verdict.LOST]
    return [row for row in absent if judge(row, look, order.patience) is Verdict.LOST]


def _first_lines(place: _Destination) -> Counter[str] | None:
    """The trainer's first lines, where it lives and is joined: nowhere else can a session cost them."""
    return None if place.run is None or not place.joins else reading.first_lines(place.run)


def _first_rows_kept(place: _Destination, before: Counter[str] | None, limits: Limits) -> bool | None:
    """Whether all of the trainer's first lines are still there; None where there were none, or W&B does not say."""
    if not before or place.run is None:
        return None
    try:
        return reading.are_there(place.run, before, limits)
    except UimonError:
        return None


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
    rows: Sequence[Row], due: Sequence[Row], alerts: Sequence[Alert], seen: Counter[str], sent: _Sent, url: str | None
) -> PublishResult:
    missing = [row.uid for row in rows if not seen[row.uid]]
    given, certain = {row.uid for row in due}, {*sent.refused, *sent.kept}
    unsent = [uid for uid in missing if uid in certain]
    absent = [uid for uid in missing if uid not in certain]
    return PublishResult(
        delivered=tuple(row.uid for row in rows if seen[row.uid]),
        waiting=Reason.NOT_DELIVERED if unsent else Reason.UNCONFIRMED if absent else None,
        detail=_detail(len(rows), absent, unsent, sent),
        url=url,
        copies={uid: count for uid, count in seen.items() if count > 1},
        # The SDK does not say whether W&B took an alert; where rows of the same session are missing it may not have.
        alerted=() if given & set(missing) else tuple(alert.key for alert in alerts),
        absent=tuple(absent),
        unsent=tuple(unsent),
    )


def _detail(count: int, absent: Sequence[str], unsent: Sequence[str], sent: _Sent) -> str:
    if sent.refused:
        return f"W&B's SDK did not take {len(sent.refused)} of {count} rows: {next(iter(sent.refused.values()))[:300]}."
    if unsent:
        return f"W&B did not take {len(unsent)} of {count} rows; uimon retries them."
    if absent:
        return (
            f"{len(absent)} of {count} rows may be in the run, and W&B does not show them yet; uimon looks for them, "
            "and sends them again only once it is certain that they are missing."
        )
    return ""


def _trainers_run(
    ref: RunRef, run: PublicRun | None, facts: RunFacts, session: joining.Session, order: Order, limits: Limits
) -> _Destination:
    assert run is not None
    ended = facts.state in ENDED
    settings = _settings(limits, shared=session is joining.Session.JOIN, close=ended)
    settings.update_from_dict(_origin(run))
    return _Destination(
        own_run.resolved(ref, facts),
        run,
        {"resume": "must", "settings": settings},
        facts.url,
        exit_code=0 if not ended or _left(facts, order) == "finished" else 1,
        definitions=definitions.of_config(run.rawconfig),
        summary=_trainers_summary(run) if ended else None,
        joins=session is joining.Session.JOIN and not ended,
    )


def _left(facts: RunFacts, order: Order) -> str | None:
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


def _companion(ref: RunRef, facts: RunFacts, order: Order, limits: Limits) -> _Destination:
    """The run of uimon's own, as the companion of the trainer's; each session leaves it finished."""
    name, settings = own_run.resolved(ref, facts), _settings(limits, shared=True, close=True)
    if order.claim:
        own = own_run.hold(name, facts, order.claim, order.claim_within, settings)
    else:
        own = own_run.obtain(name, facts)
    init = {"resume": "must", **own_run.description(name, facts), "settings": settings}
    url = facts.url and facts.url.rsplit("/", 1)[0] + f"/{own.ref.run_id}"
    return _Destination(own.ref, own.run, init, url, definitions=definitions.HUGGING_FACE)


def _log_beside(
    place: _Destination,
    rows: Sequence[Row],
    alerts: Sequence[Alert],
    commit: Callable[[], None],
    limits: Limits,
    parent: Parent,
) -> _Sent:
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
    settings = _settings(limits, shared=True, close=True)
    settings.update_from_dict(_origin(run))
    place = _Destination(
        ref,
        run,
        {"resume": "must", "settings": settings},
        exit_code=0 if state == "finished" else 1,
        definitions=definitions.of_config(run.rawconfig),
        summary=_trainers_summary(run),
    )
    _log(place, (), (), lambda: None)
    _give_back_origin(place)


def end(ref: RunRef, state: str, since: float, limits: Limits) -> bool:
    """End an open run as `state`; where that is empty, as finished if its trainer has left it since that moment of
    W&B's clock. True where it was. Raises `UimonError`.
    """
    run = reading.load(ref)
    if run is None or run.state not in ("running", "crashed") or not (state or closing.left_since(run, since)):
        return False
    close(own_run.resolved(ref, reading.facts_of(run)), state or "finished", limits)
    return True


def _log(place: _Destination, rows: Sequence[Row], alerts: Sequence[Alert], commit: Callable[[], None]) -> _Sent:
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
    return _Sent(refused, () if said.reached is None else logged[said.reached :])


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
