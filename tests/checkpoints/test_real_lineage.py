"""The logs that Hugging Face's Trainer really leaves: resumed, for longer, gone back, begun anew."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.looking import inspect
from watcher.checkpoints.lineage import Member, Trainings

# Looked for and not imported: that takes seconds of every session, and only a process of its own needs them.
pytestmark = pytest.mark.skipif(
    not all(find_spec(name) for name in ("transformers", "accelerate")), reason="needs the trainer's packages"
)

TRAINER = """
import sys, shutil, torch
from pathlib import Path
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments, set_seed
torch.set_num_threads(1)
root = Path(sys.argv[1])

def train(name, steps, seed=1, rate=1e-2, resume=None):
    set_seed(seed)
    shape = dict(vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
                 num_key_value_heads=2)
    model = LlamaForCausalLM(LlamaConfig(**shape))
    data = [{"input_ids": (ids := torch.randint(0, 64, (8,)).tolist()), "labels": ids} for _ in range(16)]
    arguments = TrainingArguments(output_dir=str(root / name), max_steps=steps, save_steps=2, logging_steps=1,
                                  seed=seed, learning_rate=rate, per_device_train_batch_size=2, report_to=[],
                                  use_cpu=True, disable_tqdm=True, lr_scheduler_type="constant_with_warmup",
                                  warmup_steps=2)
    Trainer(model=model, args=arguments, train_dataset=data, eval_dataset=data[:2]).train(
        resume_from_checkpoint=resume and str(root / resume))

train("first", 6)
shutil.copytree(root / "first", root / "longer")
train("longer", 10, resume="longer/checkpoint-6")
shutil.copytree(root / "first" / "checkpoint-2", root / "back" / "checkpoint-2")
train("back", 8, seed=2, rate=3e-2, resume="back/checkpoint-2")
train("anew", 6, seed=3)
train("same_seed", 6, rate=2e-2)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("trainings")
    environment = dict(os.environ, OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", CUDA_VISIBLE_DEVICES="")
    command = [sys.executable, "-c", TRAINER, str(place)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return place


def note(trainings: Trainings, path: Path) -> Member:
    found = inspect(path)
    assert found.trainer is not None
    return trainings.note(f"{path.parent.name}/{path.name}", found.step, found.trainer.log, 0.0)


def contradict(root: Path, first: str, second: str) -> int | None:
    """The step at which the log of one checkpoint differs from another's training; None where it does not."""
    trainings = Trainings()
    one, other = note(trainings, root / first), note(trainings, root / second)
    assert other.training is not None
    return trainings.contradicts(one, other.training)


def test_logs_of_real_trainings_tell_which_checkpoints_belong_together(root: Path) -> None:
    # Taken up again for longer, which another `max_steps` shows, and nothing else.
    assert contradict(root, "first/checkpoint-2", "longer/checkpoint-10") is None
    assert contradict(root, "first/checkpoint-6", "longer/checkpoint-8") is None
    # Taken up from checkpoint-2 with other data: what lies before it is of both.
    assert contradict(root, "back/checkpoint-2", "first/checkpoint-6") is None
    assert contradict(root, "first/checkpoint-4", "back/checkpoint-8") == 3
    assert contradict(root, "first/checkpoint-2", "back/checkpoint-8") is None
    # Another training from its first step on.
    assert contradict(root, "anew/checkpoint-2", "first/checkpoint-6") == 1
    # Of the same seed, so that the first losses are the same: the learning rate tells.
    assert contradict(root, "same_seed/checkpoint-2", "first/checkpoint-6") == 2
