"""When rows may go into the trainer's run, and how: the table in `joining`, line by line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from watcher.model import Reason, UimonError
from watcher.trackers.wandb.joining import Deferred, Mode, SessionMode, Settling, decide
from watcher.trackers.wandb.local_runs import local_runs
from watcher.trackers.wandb.run import RunFacts, RunRef, Writer

REF = RunRef("team", "ui", "abc")
THERE = RunFacts(True, "running", Writer.SHARED, path="team/ui/abc")
MODES: tuple[Mode, ...] = ("auto", "deferred", "shared")


def outcome(facts: RunFacts, mode: Mode, *, settled: bool = False) -> SessionMode | Reason:
    try:
        return decide(REF, facts, mode, settled=settled)
    except Deferred:
        return Reason.DEFERRED
    except UimonError as error:
        return error.reason


def outcomes(facts: RunFacts, *, settled: bool = False) -> tuple[SessionMode | Reason, ...]:
    return tuple(outcome(facts, mode, settled=settled) for mode in MODES)


def test_a_run_that_does_not_exist_is_waited_for() -> None:
    assert outcomes(RunFacts(exists=False)) == (Reason.RUN_NOT_FOUND,) * 3


@pytest.mark.parametrize(
    ("writer", "expected"),
    [
        (Writer.SHARED, (SessionMode.JOIN, Reason.DEFERRED, SessionMode.JOIN)),
        (Writer.DEFAULT, (Reason.DEFERRED, Reason.DEFERRED, SessionMode.JOIN)),
        (Writer.UNKNOWN, (Reason.NOT_DELIVERED, Reason.DEFERRED, SessionMode.JOIN)),
    ],
)
def test_beside_a_living_trainer_only_evidence_lets_rows_in(
    writer: Writer, expected: tuple[SessionMode | Reason, ...]
) -> None:
    facts = replace(THERE, writer=writer)
    assert outcomes(facts) == expected
    # That it was seen ended a moment ago does not count when it runs again.
    assert outcomes(facts, settled=True) == expected


@pytest.mark.parametrize("state", ["finished", "failed", "crashed", "killed"])
def test_a_default_mode_run_that_has_ended_is_written_into_only_when_it_stayed_so(state: str) -> None:
    facts = replace(THERE, state=state, writer=Writer.DEFAULT)
    assert outcomes(facts) == (Reason.DEFERRED, Reason.DEFERRED, SessionMode.JOIN)
    assert outcomes(facts, settled=True) == (SessionMode.REPLAY, SessionMode.REPLAY, SessionMode.JOIN)


def test_a_shared_run_that_has_ended_is_joined() -> None:
    facts = replace(THERE, state="finished")
    assert outcomes(facts) == (SessionMode.JOIN, Reason.DEFERRED, SessionMode.JOIN)
    assert outcomes(facts, settled=True) == (SessionMode.JOIN, SessionMode.JOIN, SessionMode.JOIN)


@pytest.mark.parametrize("mode", ["auto", "shared"])
def test_a_run_that_joining_has_spoiled_is_joined_only_after_its_end(mode: Mode) -> None:
    ended = replace(THERE, state="finished")
    with pytest.raises(Deferred, match="does not join it again"):
        decide(REF, THERE, mode, settled=False, spoiled=True)
    with pytest.raises(Deferred):
        decide(REF, ended, mode, settled=False, spoiled=True)
    assert decide(REF, ended, mode, settled=True, spoiled=True) is SessionMode.JOIN


def test_what_to_set_for_live_rows_is_said() -> None:
    with pytest.raises(Deferred, match="WANDB_MODE=shared WANDB_RUN_ID=abc"):
        decide(REF, replace(THERE, writer=Writer.DEFAULT), "auto", settled=False)


@pytest.mark.parametrize(
    ("state", "seconds", "silence", "over"),
    [
        ("finished", 44.0, None, False),
        ("finished", 45.0, None, True),
        ("failed", 45.0, None, True),
        ("crashed", 45.0, 60.0, False),
        ("killed", 269.0, None, False),
        ("crashed", 270.0, 60.0, True),
        ("crashed", 0.0, 3600.0, True),
        ("running", 9999.0, 9999.0, False),
        (None, 9999.0, 9999.0, False),
    ],
)
def test_a_crashed_run_has_to_be_silent_for_longer(
    state: str | None, seconds: float, silence: float | None, over: bool
) -> None:
    assert Settling().is_over(state, seconds, silence) is over


def test_a_companions_id_is_never_longer_than_wandb_allows() -> None:
    assert REF.companion().run_id == "abc-uimon"
    ids = [replace(REF, run_id="x" * 128).companion(number).run_id for number in (1, 2, 5)]
    assert [len(run_id) for run_id in ids] == [128] * 3
    assert ids[1].endswith("x-uimon-2")


def begin(place: Path, name: str) -> None:
    (place / "wandb" / name).mkdir(parents=True)


def test_the_runs_of_the_nearest_place_are_found_the_newest_first(tmp_path: Path) -> None:
    ckpts, cwd, named = tmp_path / "out" / "ckpts", tmp_path / "cwd", tmp_path / "named"

    def found(environ: dict[str, str] | None = None) -> list[tuple[str, bool]]:
        return [(run.run_id, run.offline) for run in local_runs(ckpts, cwd, environ or {})]

    assert found() == []
    begin(cwd, "run-20261124_150000-elsewhere")
    assert found() == [("elsewhere", False)]
    begin(tmp_path / "out", "run-20261124_110000-with-dashes")
    begin(tmp_path / "out", "offline-run-20261124_120000-off")
    begin(tmp_path / "out", "not-a-run")
    (tmp_path / "out" / "wandb" / "run-20261124_990000-file").touch()
    assert found() == [("off", True), ("with-dashes", False)]
    begin(named, "run-20261124_100000-named")
    assert found({"WANDB_DIR": str(named)}) == [("named", False)]
