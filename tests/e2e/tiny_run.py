"""Checkpoint directories as trainers leave them, of tiny random models: `python tiny_run.py DIRECTORY`.

Runs as a program of its own, so that the tests' process imports neither torch nor transformers.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.engine.tiny_models import model, save, save_adapter, tokenizer

STEPS = (10, 20)


def write_trainer_state(checkpoint: Path, step: int, *, logged: bool = True) -> None:
    """The file that completes a checkpoint: a loss for each of its steps, or none where nothing was `logged`."""
    losses = [{"step": number, "loss": 2.0 / number} for number in range(1, step + 1) if logged]
    state = {"global_step": step, "max_steps": STEPS[-1], "log_history": losses}
    (checkpoint / "trainer_state.json").write_text(json.dumps(state))


def build(root: Path) -> None:
    """`full` and `silent` (the same without a logged loss), and `lora` over `base`."""
    save(model("llama", False, 1), root / "base")
    for seed, step in enumerate(STEPS, start=2):
        name = f"checkpoint-{step}"
        for run, logged in (("full", True), ("silent", False)):
            save(model("llama", False, seed), root / run / name)
            write_trainer_state(root / run / name, step, logged=logged)
        save_adapter(root / "base", root / "lora" / name, seed, ["q_proj", "v_proj", "down_proj"])
        tokenizer().save_pretrained(root / "lora" / name)
        write_trainer_state(root / "lora" / name, step)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
