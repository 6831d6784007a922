"""`uimon watch` over a directory in which every second checkpoint is broken or odd, each in its own way."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.bad_checkpoints import CASES, Outcome
from tests.support.uimon_command import ROOT
from tests.support.uimon_processes import UimonProcesses
from watcher.model import Reason

pytestmark = [pytest.mark.engine, pytest.mark.soak]

# What comes out otherwise than in an engine that is handed the directory itself.
THROUGH_THE_WATCHER: dict[str, Outcome] = {
    # The prompts were made with a tokenizer that knows more tokens than this vocabulary has.
    "vocabulary smaller": Reason.TOKENIZER_MISMATCH,
    # Weights that belong to no checkpoint are not copied.
    "a second weight file": "warm",
}
ASKED = ("--wandb", "off", "--once", "--samples", "4", "--max-tokens", "24", "--temperature", "0")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tiny")
    subprocess.run([sys.executable, "-m", "tests.engine.tiny_models", str(root)], check=True, cwd=ROOT)
    return root


def checkpoint(source: Path, root: Path, step: int) -> Path:
    """A copy of `source` as a trainer's checkpoint."""
    path = root / f"checkpoint-{step}"
    shutil.copytree(source, path)
    state = {"global_step": step, "max_steps": 10_000, "log_history": []}
    (path / "trainer_state.json").write_text(json.dumps(state))
    return path


def test_a_watcher_lives_through_all_of_them_and_every_sound_one_is_exact(
    uimon: UimonProcesses, tiny: Path, val: Path, tmp_path: Path
) -> None:
    root = tmp_path / "ckpts"
    cases = [case for case in CASES if case.family == "biased" and case.name != "no directory"]
    sound, odd = {}, {}
    checkpoint(tiny / "biased-a", root, 1)
    for number, case in enumerate(cases, 1):
        odd[10 * number] = case
        case.change(checkpoint(tiny / "biased-b", root, 10 * number))
        # Two kinds of sound ones, so that each follows weights that are not its own.
        sound[10 * number + 1] = letter = "ab"[number % 2]
        checkpoint(tiny / f"biased-{letter}", root, 10 * number + 1)
    code, _, log = uimon.run("watch", root, *ASKED, "--val", val, "--state-dir", uimon.state, timeout=1800)
    assert code == 1, log
    uimon.assert_alone()
    seen = {record["step"]: record for record in uimon.status()}
    answers: dict[str, set[str]] = {"a": set(), "b": set()}
    for step, letter in sound.items():
        assert seen[step]["state"] == "evaluated", seen[step]
        answers[letter].add(json.dumps(measured(uimon.state, step), sort_keys=True))
    assert [len(kinds) for kinds in answers.values()] == [1, 1]
    for step, case in odd.items():
        outcome = THROUGH_THE_WATCHER.get(case.name, case.outcome)
        evaluated = seen[step]["state"] == "evaluated"
        assert evaluated == (not isinstance(outcome, Reason)), (case.name, seen[step])
        if case.name in THROUGH_THE_WATCHER and isinstance(outcome, Reason):
            assert seen[step]["reason"] == outcome


def measured(state: Path, step: int) -> list[object]:
    """The perplexity and the samples of a step."""
    lines = [json.loads(line) for line in (state / "samples.jsonl").read_text().splitlines()]
    (evaluation,) = [
        json.loads(line)
        for line in (state / "evaluations.jsonl").read_text().splitlines()
        if json.loads(line)["step"] == step
    ]
    samples = [(line["prompt_id"], line["completion"], line["tokens"]) for line in lines if line["step"] == step]
    return [evaluation["metrics"]["eval/perplexity"], *samples]
