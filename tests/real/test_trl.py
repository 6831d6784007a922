"""Perplexity against the loss that TRL itself reports for the same rows: real trainings, the real engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.trl_run import SHAPES
from tests.support.uimon_command import ROOT, Uimon, environment

pytestmark = [pytest.mark.engine, pytest.mark.soak]

OLD = os.environ.get("UIMON_TRL_0", "")
"""A Python that has TRL 0.24 with transformers 4.57 and torch; without it those rows are skipped."""
NEEDS_OLD = (
    "no TRL of the major version 0: make one with `python3.11 -m venv V && V/bin/pip install trl==0.24.0 "
    "'transformers==4.57.*' 'peft<0.19' torch datasets`, and set UIMON_TRL_0=V/bin/python"
)
WITHIN = 0.02
"""Largest relative difference of the two perplexities: the engine computes in 16 bits, the trainer in 32."""
CASES = [
    *((shape, "bytes", "") for shape in SHAPES),
    *((shape, "llama2", "") for shape in ("messages", "chat_pair", "plain_pair", "text")),
    ("chat_pair", "bytes", "--lora"),
    ("plain_pair", "llama2", "--lora"),
]


def trained(python: str, out: Path, shape: str, family: str, *options: str) -> Path:
    """What `trl_run` leaves."""
    command = [python, "-m", "tests.real.trl_run", shape, family, str(out), *options]
    done = subprocess.run(command, env=environment(), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return out


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("shape", "family", "option"), CASES)
@pytest.mark.parametrize("major", ["0", "1"])
def test_perplexity_is_trls_own(uimon: Uimon, tmp_path: Path, shape: str, family: str, option: str, major: str) -> None:
    if major == "0" and not OLD:
        pytest.skip(NEEDS_OLD)
    python = OLD if major == "0" else sys.executable
    run = trained(python, tmp_path / "run", shape, family, *([option] if option else []))
    expected = json.loads((run / "expected.json").read_text())
    done = uimon.once(run / "ck", run / "val.jsonl", "--samples", "8", "--base", str(run / "base"))
    assert done.code == 0, done.log
    (seen,) = (record for record in uimon.status() if record["step"] == 60)
    ours = seen["metrics"]["eval/perplexity"]
    print(f"{shape} {family} {option} TRL {major}: {expected['perplexity']:.4f}, uimon {ours:.4f}")
    assert abs(ours / expected["perplexity"] - 1) < WITHIN
