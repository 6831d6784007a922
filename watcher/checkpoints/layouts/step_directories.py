"""torchtune, open-instruct, prime-rl and training loops of one's own: directories named after a step or an epoch."""

from __future__ import annotations

import re

from watcher.checkpoints.layouts.completeness import MARKERS, AnySignCheck
from watcher.checkpoints.layouts.layout import PADDED_STEP, Layout

STEPS = Layout(re.compile(f"(?:global_?)?step[_-]?{PADDED_STEP}"), "step_N", AnySignCheck(MARKERS))
EPOCHS = Layout(re.compile(f"epoch[_-]?{PADDED_STEP}"), "epoch_N", AnySignCheck(MARKERS), step_in_state=True)
