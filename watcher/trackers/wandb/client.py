"""What a session does with W&B. Nothing outside a session imports this module: it imports the SDK.

A publication reads first and writes last:

1. The run must exist, and what W&B says of it decides how rows may go into it now (`joining`).
2. Rows that were attempted before are looked for from their mark on; those that are there are delivered, and those that
   may still be on their way (`proof`) are left alone.
3. The run is joined (`writing`). Its position, and that the other rows may be in it from now on, is committed by the
   parent, and only then are they logged.
4. `finish()` returns normally even where nothing arrived, so the rows are read back, by uid, from the mark on:
   what is not seen is not delivered, and not lost either. Where the SDK's own log shows that W&B has refused them
   (`transmission`), they were not sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from wandb.apis.public.runs import Run as PublicRun

from watcher.model import Alert, LoggedStep, Reason, Row, Target, UimonError
from watcher.trackers.wandb import joining, own_run, reading, searching
from watcher.trackers.wandb.proof import Look, RowStatus, judge
from watcher.trackers.wandb.run import ENDED, RunFacts, RunRef, is_run_id
from watcher.trackers.wandb.wire import Limits, Message, PublishPlan, PublishResult, published_message
from watcher.trackers.wandb.writing import (
    Destination,
    Parent,
    Sent,
    companion,
    give_back_origin,
    log_rows,
    session_settings,
    trainers_run,
)


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
    ref: RunRef, rows: Sequence[Row], alerts: Sequence[Alert], order: PublishPlan, limits: Limits, parent: Parent
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
        place = companion(ref, facts, order, limits)
    else:
        session = joining.decide(ref, facts, order.mode, settled=order.settled, spoiled=order.spoiled)
        place = trainers_run(ref, run, facts, session, order, limits)
    survey = reading.survey(place.run, order.now) if order.survey else None
    found = None if survey is None else survey.seen
    look = reading.look(place.run, rows, order.now, order.patience)
    seen = look.seen | (found or Counter())
    # Pages that W&B's own last step contradicts prove nothing of any row.
    doubtful = order.lost or _has_others(found, rows) or (survey is not None and not survey.agrees)
    hold = order.hold and doubtful
    due = _due(rows, seen, look, order, hold=hold)
    before = _first_lines(place) if order.check and (due or alerts) else None
    sent = Sent()
    if due or alerts:
        if order.claim and order.target is Target.RUN:
            own_run.hold(
                place.ref, facts, order.claim, order.claim_within, session_settings(limits, shared=True, close=True)
            )
        position = reading.position_of(place.run)
        if order.target is Target.RUN and facts.state in ENDED and not order.ended:
            parent.say_left(facts.state)
        living = order.target is Target.RUN and facts.state not in ENDED
        sent = log_rows(place, due, alerts, position, parent, limits, living=living)
        seen |= _read_back(place, due, position, limits)
        if place.summary is not None:
            give_back_origin(place)
    answer = _answer(rows, due, alerts, seen, sent, place.url)
    surveyed = None if found is None or hold else tuple(found)
    kept, claimed = _first_rows_kept(place, before, limits), bool(order.claim and (due or alerts))
    return published_message(replace(answer, found=surveyed, first_rows=kept, claimed=claimed))


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


def _due(rows: Sequence[Row], seen: Counter[str], look: Look, order: PublishPlan, *, hold: bool) -> list[Row]:
    """The rows of which it is certain that the run does not hold them. `hold`: none is, but those that are proven."""
    absent = [row for row in rows if not seen[row.uid]]
    if hold:
        return [row for row in absent if row.sent and judge(row, look, order.patience) is RowStatus.LOST]
    return [row for row in absent if judge(row, look, order.patience) is RowStatus.LOST]


def _first_lines(place: Destination) -> Counter[str] | None:
    """The trainer's first lines, where it lives and is joined: nowhere else can a session cost them."""
    return None if place.run is None or not place.joins else reading.first_lines(place.run)


def _first_rows_kept(place: Destination, before: Counter[str] | None, limits: Limits) -> bool | None:
    """Whether all of the trainer's first lines are still there; None where there were none, or W&B does not say."""
    if not before or place.run is None:
        return None
    try:
        return reading.are_there(place.run, before, limits)
    except UimonError:
        return None


def _read_back(place: Destination, rows: Sequence[Row], position: int, limits: Limits) -> Counter[str]:
    """How often W&B shows each row now; none of them where the run that was just made is not shown yet."""
    run = place.run or reading.load(place.ref)
    return Counter() if run is None else reading.read_back(run, rows, position, limits)


def _answer(
    rows: Sequence[Row], due: Sequence[Row], alerts: Sequence[Alert], seen: Counter[str], sent: Sent, url: str | None
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


def _detail(count: int, absent: Sequence[str], unsent: Sequence[str], sent: Sent) -> str:
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
