"""The demo's trainer, which notes what each save leaves in its directory, and may end otherwise than it should:
`python -m tests.e2e.trainer_variants ENDING STEP --out DIR …`, the rest being the demo's own arguments.

The training runs as a program of its own, so that the tests' process imports neither torch nor transformers.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Any

from watcher.demo import trainer

SAVES = "saves.jsonl"
"""Beside the checkpoints: after each save, and the rotation that belongs to it, the names in their directory."""
STUCK = "stuck"
"""Beside the checkpoints: the save that does not come to an end has begun, and SIGTERM does nothing from now on."""


class Ending(StrEnum):
    """What happens at the step that is given: nothing, an exception, an early stop, or a save without end."""

    NORMAL = "normal"
    CRASH = "crash"
    STOP = "stop"
    STUCK = "stuck"


def _turn(ending: Ending, at: int) -> Any:
    from transformers import TrainerCallback

    class Turn(TrainerCallback):  # type: ignore[misc, unused-ignore]
        def on_step_end(self, _args: Any, state: Any, control: Any, **__: Any) -> None:
            if state.global_step != at:
                return
            if ending is Ending.CRASH:
                raise RuntimeError("CUDA error: an illegal memory access was encountered")
            if ending is Ending.STOP:
                control.should_save = control.should_training_stop = True

        def on_save(self, args: Any, *_: Any, **__: Any) -> None:
            checkpoints = Path(args.output_dir)
            with (checkpoints.parent / SAVES).open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(sorted(os.listdir(checkpoints))) + "\n")  # noqa: PTH208 - names are wanted

    return Turn()


def variant(ending: Ending, at: int) -> type[Any]:
    """The Trainer that ends like this at step `at`."""
    from transformers import Trainer

    class Variant(Trainer):  # type: ignore[misc, unused-ignore]
        def __init__(self, *arguments: Any, callbacks: list[Any], **named: Any) -> None:
            super().__init__(*arguments, callbacks=[*callbacks, _turn(ending, at)], **named)

        def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
            # The weights are written, the trainer's state is not: a checkpoint that nobody will ever finish.
            if ending is Ending.STUCK and self.state.global_step == at:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                (Path(output_dir).parents[1] / STUCK).touch()
                while True:
                    signal.pause()
            super()._save_optimizer_and_scheduler(output_dir)

    return Variant


if __name__ == "__main__":
    # The demo imports the Trainer when it begins to train, from a module that has replaced the one imported here.
    chosen = variant(Ending(sys.argv.pop(1)), int(sys.argv.pop(1)))
    setattr(sys.modules["transformers"], "Trainer", chosen)  # noqa: B010 - no attribute that a module has
    sys.exit(trainer.main())
