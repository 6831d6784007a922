"""LoRA checkpoints over a base model on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.uimon_processes import UimonProcesses

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

MEASURED = {"eval/syntax_validity_rate", "eval/perplexity", "uimon/swap_seconds"}


def test_watch_and_eval_give_an_adapter_the_same_metrics(uimon: UimonProcesses, runs: Path, val: Path) -> None:
    asked = ("--base", runs / "base", "--wandb", "off", "--val", val, "--samples", "2", "--max-tokens", "8")
    code, _, log = uimon.run("watch", runs / "lora", *asked, "--once", "--state-dir", uimon.state)
    assert code == 0, log
    uimon.assert_alone()
    watched = uimon.status()
    assert [(c["step"], c["state"], c["published"]) for c in watched] == [(s, "evaluated", "no") for s in (10, 20)]
    assert all(c["metrics"].keys() >= MEASURED for c in watched)
    assert watched[0]["metrics"]["eval/perplexity"] != watched[1]["metrics"]["eval/perplexity"]

    code, out, log = uimon.run("eval", runs / "lora" / "checkpoint-20", *asked, "--json")
    assert code == 0, log
    uimon.assert_alone()
    (alone,) = json.loads(out)["checkpoints"]
    assert (alone["step"], alone["digest"]) == (20, watched[1]["digest"])
    assert of_the_weights(alone["metrics"]) == of_the_weights(watched[1]["metrics"])


def of_the_weights(metrics: dict[str, float | None]) -> dict[str, float | None]:
    """The metrics that do not depend on the machine or the queue."""
    return {name: value for name, value in metrics.items() if name.startswith("eval/")}
