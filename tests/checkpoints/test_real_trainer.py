"""The real Trainer of Hugging Face writes checkpoints while they are inspected as fast as that goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.looking import inspect
from watcher.checkpoints import DirectoryWaker, discover, stage, unstage
from watcher.model import Checkpoint, CheckpointKind, Condition, Reason, UimonError

# Looked for and not imported: that takes seconds of every session, and only a process of its own needs them.
pytestmark = pytest.mark.skipif(
    not all(find_spec(name) for name in ("transformers", "peft", "accelerate", "safetensors")),
    reason="needs the trainer's packages",
)

TRAINER = """
import sys, time, warnings, torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments
torch.set_num_threads(1)
class OnSlowDisk(Trainer):
    # Of what is written, the trainer's state comes last; whoever looks must get a turn before it.
    def _save_optimizer_and_scheduler(self, output_dir):
        super()._save_optimizer_and_scheduler(output_dir)
        time.sleep(0.2)
data = [{"input_ids": [1, 2, 3, 4], "labels": [1, 2, 3, 4]}] * 4
for kind in ("full", "adapter"):
    model = LlamaForCausalLM(LlamaConfig(vocab_size=512, hidden_size=256, intermediate_size=512, num_hidden_layers=4,
                                         num_attention_heads=4, num_key_value_heads=4))
    if kind == "adapter":
        model = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj"]))
    arguments = TrainingArguments(output_dir=f"{sys.argv[1]}/{kind}", max_steps=9, save_steps=1, save_total_limit=2,
                                  logging_steps=1, per_device_train_batch_size=1, report_to=[], use_cpu=True,
                                  disable_tqdm=True)
    OnSlowDisk(model=model, args=arguments, train_dataset=data).train()
"""


@pytest.fixture
def trainer(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = dict(os.environ, OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    command = [sys.executable, "-c", TRAINER, str(tmp_path)]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as run,
    ):
        yield run
        run.kill()


def opens(path: Path) -> bool:
    """The library's own reader takes every weight file in `path`."""
    import safetensors

    for file in path.glob("*model.safetensors"):
        with safetensors.safe_open(file, framework="numpy") as weights:
            assert list(weights.keys())
    return True


def confirmed(path: Path, step: int) -> bool:
    """What `complete` promises, looked up by other means; False where the trainer rotated it away meanwhile."""
    try:
        state = json.loads((path / "trainer_state.json").read_text())
        assert opens(path)
    except FileNotFoundError:
        return False
    assert state["global_step"] == step
    assert [row["step"] for row in state["log_history"] if "loss" in row] == list(range(1, step + 1))
    return True


@pytest.mark.timeout(900)
def test_complete_is_said_of_whole_checkpoints_only_and_in_the_end_of_all(
    trainer: subprocess.Popen[bytes], tmp_path: Path, snapshot: Callable[[Path], object]
) -> None:
    reasons: set[Reason | None] = set()
    complete: set[tuple[CheckpointKind, int]] = set()
    stage_dir = tmp_path / "stage"
    while trainer.poll() is None:
        for item in (*discover(tmp_path / CheckpointKind.FULL), *discover(tmp_path / CheckpointKind.ADAPTER)):
            found = inspect(item.path, item.step)
            reasons.add(found.reason)
            assert found.condition is not Condition.UNSUPPORTED, found
            if found.condition is Condition.COMPLETE and confirmed(item.path, found.step):
                complete.add((found.kind, found.step))
                stage_if_there(found, stage_dir)
    assert trainer.returncode == 0, (tmp_path / "log").read_text()
    # It was looked at while it was being written, or this proves nothing.
    assert reasons & {Reason.WEIGHTS_MISSING, Reason.WEIGHTS_INCOMPLETE, Reason.CONFIG_MISSING}
    assert Reason.TRAINER_STATE_MISSING in reasons
    assert len(complete) >= 4
    for kind in CheckpointKind:
        left_alone(tmp_path / kind, kind, stage_dir, snapshot)


def stage_if_there(found: Checkpoint, stage_dir: Path) -> None:
    try:
        staged = stage(found, stage_dir)
    except UimonError as error:
        if error.reason is not Reason.DELETED:
            raise
        return
    assert opens(staged.path)
    unstage(staged.path)


def left_alone(root: Path, kind: CheckpointKind, stage_dir: Path, snapshot: Callable[[Path], object]) -> None:
    """The last two checkpoints are complete, and finding that out changes nothing in the trainer's directory."""
    before = snapshot(root)
    with DirectoryWaker(root) as waker:
        waker.wait(0.1)
        found = [inspect(item.path, item.step) for item in discover(root)]
        digests = [stage(item, stage_dir).digest for item in found]
        waker.wait(0.1)
    assert snapshot(root) == before
    assert [(item.step, item.condition, item.kind) for item in found] == [
        (8, Condition.COMPLETE, kind),
        (9, Condition.COMPLETE, kind),
    ]
    assert digests[0] != digests[1]
    last = found[1].trainer
    assert last is not None
    assert last.final
    assert len(last.log) == 9
