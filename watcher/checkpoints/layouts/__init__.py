"""How trainers leave checkpoints: one file for each family. A further one is a further file, and a name in `_FAMILIES`.

| written by | name | how it is known to be whole |
|---|---|---|
| transformers' Trainer, and TRL, Unsloth, Axolotl, LLaMA-Factory on it | `checkpoint-500` | its `trainer_state.json` |
| ms-swift | `v0-20261124-101500/checkpoint-500`; the newest such directory is the run | the same |
| torchtune, open-instruct, prime-rl and own loops | `step_500`, `step-500`, `global_step500`, `epoch_3` | see below |
| `--pattern 'model_{step}'` | whatever the pattern says | see below |
| `--pattern 'checkpoint-{step}/ui'` | `checkpoint-500`, of which the model in the folder `ui` is meant | see below |
| `save_model()` at the end | the run directory itself, as `final` | see below, without a marker |

What need not have a `trainer_state.json` is whole once it has one, or a marker that its writer puts there last
(`COMPLETED`, `STABLE`, `.complete`, `commit_success.txt`), or when nothing in it has changed for a while (see
`completeness`). While a directory has a temporary name (`tmp-checkpoint-500`), it is none.
"""

from __future__ import annotations

from watcher.checkpoints.layouts.custom import custom_layout
from watcher.checkpoints.layouts.huggingface import HUGGING_FACE
from watcher.checkpoints.layouts.layout import Layout, layout_of
from watcher.checkpoints.layouts.ms_swift import in_newest_start
from watcher.checkpoints.layouts.step_directories import EPOCHS, STEPS

__all__ = ["KNOWN", "Layout", "layout_of", "layouts_for", "step_of"]

_FAMILIES = (HUGGING_FACE, STEPS, EPOCHS)
KNOWN = (*_FAMILIES, *in_newest_start(_FAMILIES))
"""Every layout that is looked for where the user gives no pattern, by precedence."""


def layouts_for(pattern: str | None) -> tuple[Layout, ...]:
    """Choose the layouts in which a run's checkpoints are looked for.

    Args:
        pattern: What `--pattern` says, such as `iter_{step}`. None or empty: the user names none.

    Returns:
        The user's own layout if there is a pattern, else all known ones; also as ms-swift nests them.

    Raises:
        UimonError: CONFIG_INVALID for a pattern that cannot be used.
    """
    if not pattern:
        return KNOWN
    custom = custom_layout(pattern)
    return (custom, *in_newest_start([custom]))


def step_of(name: str) -> int | None:
    """The step that a directory's name states by any known layout; None where it is not the name of a checkpoint.

    >>> step_of("checkpoint-500"), step_of("tmp-checkpoint-500"), step_of("checkpoint-abc"), step_of("checkpoint-007")
    (500, None, None, None)
    >>> step_of("step_0500"), step_of("epoch_3")
    (500, 3)
    """
    layout = layout_of(name, KNOWN)
    return None if layout is None else layout.step_of(name)
