"""Where a run may be that is not where it was looked for. Nothing outside a session imports this module."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator

import wandb

from watcher.trackers.wandb.reading import FAILURES, connect
from watcher.trackers.wandb.run import RunFacts, RunRef

PROJECTS = 200
"""So many projects are looked into; each costs a request."""
SECONDS = 30.0
"""The search ends after this long, whatever is left."""
_FOUND = 5
"""More than these are no help to anybody."""


def search(ref: RunRef) -> RunFacts:
    """Look for a missing run by its id in the entity's other projects, and by its display name.

    Without an entity those of the account's teams come after its default one. Never raises: that the run is missing is
    known, and where W&B does not list its projects, what was found until then is all that there is to say.
    """
    elsewhere: list[str] = []
    titled: list[str] = []
    entity = ref.entity or ""
    try:
        api = connect()
        entity = entity or api.default_entity or ""
        ends = time.monotonic() + SECONDS
        for project in itertools.islice(_projects(api, ref, entity), PROJECTS):
            for path, is_id in _runs(api, project, ref.run_id):
                (elsewhere if is_id else titled).append(path)
            if time.monotonic() > ends or len(elsewhere) >= _FOUND or len(titled) >= _FOUND:
                break
    except (*FAILURES, ValueError) as error:
        # The SDK's word for an answer that it does not understand is a ValueError.
        print(f"uimon: the search for {ref.run_id} ended early ({error})", file=sys.stderr)
    searched = f"{entity}/{ref.project}"
    return RunFacts(exists=False, searched=searched, elsewhere=tuple(elsewhere), titled=tuple(titled[:_FOUND]))


def _projects(api: wandb.Api, ref: RunRef, entity: str) -> Iterator[str]:
    """`entity/project` of each, the one where the run was expected first."""
    first = f"{entity}/{ref.project}"
    yield first
    entities = [entity] if ref.entity else [entity, *(team for team in api.viewer.teams if team != entity)]
    for owner in entities:
        for project in api.projects(owner):
            if (path := f"{owner}/{project.name}") != first:
                yield path


def _runs(api: wandb.Api, project: str, name: str) -> Iterator[tuple[str, bool]]:
    """The paths of the runs in a project that have this id or display name, and whether it is the id."""
    runs = api.runs(project, filters={"$or": [{"name": name}, {"display_name": name}]}, per_page=_FOUND)
    try:
        for run in itertools.islice(runs, _FOUND):
            yield f"{project}/{run.id}", run.id == name
    except ValueError:
        # The SDK's word for a project that does not exist, or that this key may not see.
        return
