"""Leaving a run as its trainer left it. Nothing outside a session imports this module: it imports the SDK.

W&B takes any post for a sign of life. A trainer that ends while a session of uimon's has its run open ends it, and the
session's next post brings the run back to `running`, where nobody would end it again. So the session looks at the run's
state all the while (`StateWatch`), and where it saw an end, the client ends the run the same way.

An end that falls between a look and the next post is not seen. The service finds it by the silence that follows, and
`left_since` tells it from a trainer that was killed: only a trainer that leaves its run uploads `config.yaml` then.
Not covered: that such a trainer may have failed; its run is `finished` afterwards.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import wandb
from wandb.apis.public.runs import Run as PublicRun

from watcher.model import JsonObject
from watcher.trackers.wandb import reading
from watcher.trackers.wandb.run import ENDED, RunRef

PAUSE = 0.2
"""Seconds between two looks at the state: so long an end can go unseen."""
# The state alone: five times a second all that W&B knows of a run would be much to ask for.
_STATE = """
query Run($project: String!, $entity: String!, $name: String!) {
    project(name: $project, entityName: $entity) { run(name: $name) { state } }
}
"""
_LAST_UPLOAD = "config.yaml"
_SLACK = 2.0
"""W&B tells whole seconds."""


class StateWatch:
    """Looks at a run's state while the context lasts; `left`: the ended state that was seen, empty if none, which
    `say_left` hears at once.
    """

    def __init__(self, ref: RunRef, say_left: Callable[[str], None]) -> None:
        self._ref = ref
        self._say_left = say_left
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.left = ""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        api: wandb.Api | None = None
        while not self.left and not self._over.is_set():
            try:
                api = api or reading.connect()
                state = _state_of(api, self._ref)
            except reading.FAILURES:
                state = ""
            if state in ENDED:
                self.left = state
                self._say_left(state)
            self._over.wait(PAUSE)


def _state_of(api: wandb.Api, ref: RunRef) -> str:
    """The run's state in W&B's word; empty where W&B does not tell. Raises as the SDK does."""
    variables = {"project": ref.project, "entity": ref.entity, "name": ref.run_id}
    answer: JsonObject = api._service_api.execute_graphql(_STATE, variables)
    run = (answer.get("project") or {}).get("run") or {}
    return str(run.get("state") or "")


def left_since(run: PublicRun, since: float) -> bool:
    """Whether the run's trainer has left it since this moment of W&B's clock. Raises `UimonError`."""
    try:
        uploaded = [reading.moment(file.updated_at) for file in run.files([_LAST_UPLOAD])]
    except reading.FAILURES as error:
        raise reading.explain(error) from error
    return any(at is not None and at >= since - _SLACK for at in uploaded)
