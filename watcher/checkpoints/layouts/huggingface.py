"""transformers' Trainer, and TRL, Unsloth, Axolotl and LLaMA-Factory on it."""

from __future__ import annotations

import re

from watcher.checkpoints.layouts.completeness import TrainerStateCheck
from watcher.checkpoints.layouts.layout import STEP, Layout

HUGGING_FACE = Layout(re.compile(f"checkpoint-{STEP}"), "checkpoint-N", TrainerStateCheck())
