"""A callback with which an early warning ends a Hugging Face training in good order.

    trainer.add_callback(StopOnFile("ckpts.STOP"))

and beside it

    uimon watch ckpts … --on-alert '[ $UIMON_ALERT_LEVEL != error ] || touch ckpts.STOP'
"""

from pathlib import Path

from transformers import TrainerCallback


class StopOnFile(TrainerCallback):
    """Ends the training at the first step after which a file of this name is there."""

    def __init__(self, path):
        self.path = Path(path)

    def on_step_end(self, args, state, control, **kwargs):
        """Save and stop. Without `should_save` the steps since the last checkpoint would be lost."""
        if self.path.exists():
            control.should_save = True
            control.should_training_stop = True
        return control
