"""Whose checkpoint it is, whether it is finished, and what its trainer's log says: `uimon` on whole directories.

The rules themselves are held by tests/service/test_whose.py, tests/checkpoints/test_unusable.py and
tests/checkpoints/test_training_log.py, without an engine.
"""

from __future__ import annotations

import pytest

from tests.support.uimon_command import Make, Uimon

CASES = "tests.real.cases_ckpts"


@pytest.mark.parametrize(
    ("case", "reason", "words"),
    [
        ("empty_adapter", "deepspeed_zero", "stage3_gather_16bit_weights_on_model_save"),
        ("without_config", "config_missing", "put the config.json of the model there"),
    ],
)
def test_what_is_finished_and_unusable_fails_with_a_way_out(
    made: Make, uimon: Uimon, case: str, reason: str, words: str
) -> None:
    place = made(CASES, case)
    ended = uimon.once(place / "ck", place / "val.jsonl")
    assert ended.code == 1, ended.log
    assert words in ended.log
    assert "Everything" not in ended.log
    assert [(c["state"], c["reason"]) for c in uimon.status()] == [("failed", reason)]


def test_directories_deeper_down_are_named_the_newest_first(made: Make, uimon: Uimon) -> None:
    place = made(CASES, "deeper")
    ended = uimon.once(place / "ck", place / "val.jsonl")
    assert ended.code == 1, ended.log
    named = [f"{place}/ck/{run}" for run in ("output/Qwen/v0-", "saves/Qwen2.5-Coder-7B/lora/train_1", "outputs/2026")]
    assert [ended.log.index(run) for run in named] == sorted(ended.log.index(run) for run in named)
    assert "Everything" not in ended.log


@pytest.mark.engine
@pytest.mark.soak
@pytest.mark.parametrize(("case", "own", "left"), [("used_before", [10], 30), ("gone_back", [10, 20], 30)])
def test_what_another_training_left_is_skipped(made: Make, uimon: Uimon, case: str, own: list[int], left: int) -> None:
    place = made(CASES, case)
    ended = uimon.once(place / "ck", place / "val.jsonl")
    assert ended.code == 0, ended.log
    states = {c["step"]: (c["state"], c["reason"]) for c in uimon.status()}
    assert states == dict.fromkeys(own, ("evaluated", None)) | {left: ("skipped", "earlier_run")}
    assert f"Not evaluated: checkpoint-{left} (earlier_run" in ended.log


@pytest.mark.engine
@pytest.mark.soak
@pytest.mark.parametrize(("case", "steps"), [("named_adapter", [10, 20]), ("model_in_a_folder", [10])])
def test_a_model_one_folder_deeper_is_evaluated(made: Make, uimon: Uimon, case: str, steps: list[int]) -> None:
    place = made(CASES, case)
    base = ("--base", place / "base") if (place / "base").exists() else ()
    ended = uimon.once(place / "ck", place / "val.jsonl", *base)
    assert ended.code == 0, ended.log
    done = uimon.status()
    assert [c["step"] for c in done if c["metrics"].get("eval/perplexity")] == steps
    assert "Everything that was there is evaluated." in ended.log


@pytest.mark.engine
@pytest.mark.soak
def test_nan_gradients_are_an_error(made: Make, uimon: Uimon) -> None:
    place = made(CASES, "nan_gradients")
    ended = uimon.once(place / "ck", place / "val.jsonl")
    assert "non_finite, step 1" in ended.log
    assert "gradient norm is NaN since step 1" in ended.log
