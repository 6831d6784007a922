"""The run of uimon's own beside a trainer's: its identity, and the mark of who publishes. Imports the SDK.

A run is uimon's own where its job type is uimon's and its configuration names, under `uimon`, the trainer's run that it
stands beside: W&B's words for a run that somebody else gave the same id differ. Of an id that is taken by such a run
nothing is read further and nothing written: the next one of `<id>-uimon`, `<id>-uimon-2` … is. All of them are looked
at before one is made, so that two uimons of which W&B refuses one an id agree on a run all the same.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import wandb
from wandb.apis.public.runs import Run as PublicRun

from watcher.model import Reason, UimonError
from watcher.output.printable import printable
from watcher.trackers.wandb import reading
from watcher.trackers.wandb.claim import Mark, Move, Seen, decode_mark, encode_mark, next_mark, not_yours
from watcher.trackers.wandb.leaving import leave
from watcher.trackers.wandb.run import RunFacts, RunRef

JOB_TYPE = "eval"
_KEY = "uimon"
_NAMES = 5
"""Ids that are tried for a run of uimon's own."""
_SHOWN = 3.0
"""Seconds after which W&B shows a run that somebody has just made."""

# As the SDK's own, whose public API does not tell whether a run was made by it.
_MAKE = """
mutation UpsertBucket($project: String, $entity: String, $name: String!, $config: JSONString, $displayName: String,
    $notes: String, $groupName: String, $jobType: String) {
    upsertBucket(input: {modelName: $project, entityName: $entity, name: $name, config: $config,
        displayName: $displayName, notes: $notes, groupName: $groupName, jobType: $jobType}) {
        bucket { id name }
        inserted
    }
}
"""


@dataclass(frozen=True, slots=True)
class OwnRun:
    """The run, as W&B shows it; `made`: by this session, which no other one can be."""

    ref: RunRef
    run: PublicRun
    made: bool = False

    @property
    def mark(self) -> Mark:
        """Who publishes."""
        return decode_mark(self.run.config.get(_KEY))


def obtain(ref: RunRef, facts: RunFacts) -> OwnRun:
    """The run of uimon's own beside the one of `facts`, made where there is none; `ref` is that one by its full name.

    Raises `UimonError` where W&B cannot be asked, refuses, or all ids are somebody else's.
    """
    found, free = _find(ref, facts)
    if found is not None:
        return found
    ids = list(_ids(ref))
    refusal = UimonError(
        Reason.WANDB_REFUSED,
        f"The ids {ids[0].run_id} to {ids[-1].run_id} belong to somebody else's runs; rename one of them.",
    )
    for own in free:
        try:
            made = _make(own, facts)
        except UimonError as error:
            if error.reason is not Reason.WANDB_REFUSED:
                raise
            # An id of a run that was deleted is not given out again; one that another uimon has just made is there.
            refusal, made = error, False
            time.sleep(_SHOWN)
        run = reading.load(own)
        if run is not None and _is_own(run, facts):
            return OwnRun(own, run, made)
        if made:
            raise UimonError(Reason.NOT_DELIVERED, f"W&B does not show run {own.name} yet; uimon retries.")
    raise refusal


def _find(ref: RunRef, facts: RunFacts) -> tuple[OwnRun | None, list[RunRef]]:
    """The run of uimon's own, if there is one, and the ids of no run at all that were looked at until then."""
    free = []
    for own in _ids(ref):
        run = reading.load(own)
        if run is None:
            free.append(own)
        elif _is_own(run, facts):
            return OwnRun(own, run), free
    return None, free


def hold(ref: RunRef, facts: RunFacts, writer: str, within: float, closing: wandb.Settings) -> OwnRun:
    """The run of uimon's own, where `writer` may publish; shows a sign of its life there. `closing`: the settings of a
    session that ends it.

    Raises `UimonError`: `other_publisher` where it may not, and as `obtain`.
    """
    began = time.monotonic()
    own = obtain(ref, facts)
    move = Move(writer, within)
    mark = own.mark
    beat = Mark(writer, _host(), 1, free=False) if own.made else next_mark(mark, move, _host())
    if beat is None:
        raise not_yours(mark)
    _write(own, beat)
    if own.made and time.monotonic() - began > within:
        _write(own, Mark(writer, _host(), 0, free=False))
        raise not_yours(Mark())
    if own.made:
        _close(own.ref, closing)
    return own


def contend(ref: RunRef, move: Move) -> Seen | None:
    """Make `move`, and answer what the mark is then; None where the trainer's run does not exist, or none of uimon's
    own beside it: who makes that, publishes first.
    """
    trainers = reading.load(ref)
    if trainers is None:
        return None
    facts = reading.facts_of(trainers)
    began = time.monotonic()
    own, _ = _find(resolved(ref, facts), facts)
    if own is None:
        return None
    mark = own.mark
    wanted = next_mark(mark, move, _host())
    if wanted is None or time.monotonic() - began > move.write:
        return Seen(mark)
    _write(own, wanted)
    return Seen(wanted, late=time.monotonic() - began > move.write)


def resolved(ref: RunRef, facts: RunFacts) -> RunRef:
    """The run by its full name, as W&B knows it."""
    entity, project, _ = (facts.path or ref.name).rsplit("/", 2)
    return replace(ref, entity=entity, project=project)


def description(ref: RunRef, facts: RunFacts) -> dict[str, object]:
    """What people see of the run of uimon's own, as `wandb.init` takes it."""
    notes = (
        f"uimon's own run beside {facts.url or facts.path}: it says which uimon publishes there. While the trainer of "
        "that run writes in W&B's default mode, which allows no second writer, what uimon found in its checkpoints is "
        "shown here."
    )
    group = facts.group or (facts.path or ref.run_id).rpartition("/")[2]
    return {"name": printable(f"{facts.title} (uimon)"), "group": group, "job_type": JOB_TYPE, "notes": notes}


def _ids(ref: RunRef) -> Iterator[RunRef]:
    yield from (ref.companion(number) for number in range(1, _NAMES + 1))


def _is_own(run: PublicRun, facts: RunFacts) -> bool:
    said = run.config.get(_KEY)
    return isinstance(said, dict) and said.get("beside") == facts.path and getattr(run, "job_type", None) == JOB_TYPE


def _make(own: RunRef, facts: RunFacts) -> bool:
    """Make the run; True where this request did. Two that make it at once send the same."""
    about = description(own, facts)
    config = {_KEY: {"value": {"beside": facts.path}, "desc": None}}
    variables = {
        "project": own.project,
        "entity": own.entity,
        "name": own.run_id,
        "config": json.dumps(config),
        "displayName": about["name"],
        "notes": about["notes"],
        "groupName": about["group"],
        "jobType": about["job_type"],
    }
    try:
        answer: dict[str, object] = reading.connect()._service_api.execute_graphql(_MAKE, variables)
    except reading.FAILURES as error:
        raise reading.explain(error) from error
    if not isinstance(made := answer.get("upsertBucket"), dict):
        raise UimonError(Reason.NOT_DELIVERED, f"W&B does not say whether it made run {own.name}; uimon retries.")
    return bool(made.get("inserted"))


def _write(own: OwnRun, mark: Mark) -> None:
    own.run.config[_KEY] = {"beside": own.run.config[_KEY]["beside"], **encode_mark(mark)}
    try:
        own.run.update()
    except reading.FAILURES as error:
        raise reading.explain(error) from error


def _close(own: RunRef, settings: wandb.Settings) -> None:
    """W&B has a run that was just made for a running one, and calls it crashed later."""
    try:
        leave(wandb.init(entity=own.entity, project=own.project, id=own.run_id, resume="must", settings=settings))
    except reading.FAILURES as error:
        raise reading.explain(error) from error


def _host() -> str:
    return socket.gethostname()
