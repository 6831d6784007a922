"""Work that follows an evaluation, with the real SDK: its row comes after the evaluation's, which stays as it was."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.service.test_service import run_in_thread, wait_until
from tests.support.checkpoint_files import write_checkpoint
from tests.support.house import house_in
from tests.support.scripted_followup import ScriptedFollowup
from tests.support.wandb_run import PROJECT, RUN, SeedRun, history
from watcher.demo.standin import ENTITY, Standin
from watcher.trackers.wandb import WandbPublisher


def lines_of(standin: Standin, kind: str) -> list[dict[str, Any]]:
    return [line for line in history(standin) if f"{kind}/uid" in line]


def test_its_row_is_there_once_after_that_of_the_evaluation_which_it_leaves_alone(
    standin: Standin, seed_run: SeedRun, publisher: WandbPublisher, tmp_path: Path
) -> None:
    seed_run()
    house = house_in(tmp_path / "house")
    house.tracker = publisher  # type: ignore[assignment]  # a publisher is all that it has to be
    house.followups = (work := ScriptedFollowup(hold=threading.Event()),)
    write_checkpoint(house.root, 50)
    with closing(house.ledger), house.closing:
        thread = run_in_thread(house.service(once=True, drain_timeout=30))
        wait_until(lambda: house.states() == [(50, "published", None)], 60)
        # The evaluation is in the run, and what follows it has not ended.
        before = lines_of(standin, "eval")
        assert (len(before), lines_of(standin, "followup"), work.ran) == (1, [], [50])
        assert work.hold is not None
        work.hold.set()
        thread.join(60)
        assert not thread.is_alive()
        house.service(once=True).run()
        assert house.ledger.outbox().empty
    assert lines_of(standin, "eval") == before
    [found] = lines_of(standin, "followup")
    assert (found["train/global_step"], found["eval/scripted/alike"]) == (50, 1.0)
    assert found["followup/evaluation"] == before[0]["eval/uid"]
    assert not [name for name in found if name.startswith("eval/") and not name.startswith("eval/scripted/")]
    every = history(standin)
    assert every.index(before[0]) < every.index(found)
    assert axis_of(standin, "eval/scripted/alike") == "train/global_step"


def axis_of(standin: Standin, metric: str) -> str | None:
    """What the run has a metric drawn over, by the definitions in its configuration."""
    with standin.shared.lock:
        run, _ = standin.store.upsert(ENTITY, PROJECT, RUN)
        definitions: list[dict[str, Any]] = run.config["_wandb"]["value"]["m"]
    for definition in definitions:
        name = definition.get("1") or definition.get("2") or ""
        if name == metric or (name.endswith("*") and metric.startswith(name[:-1])):
            axis = definitions[definition["5"] - 1]
            return str(axis.get("1"))
    return None
