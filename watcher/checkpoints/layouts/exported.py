"""Models whose directory's name says nothing: what `save_model()` leaves at the end, and what a user names."""

from __future__ import annotations

import re

from watcher.checkpoints.layouts.completeness import AnySignCheck, NoCheck
from watcher.checkpoints.layouts.layout import Layout
from watcher.model import BASE_NAME, FINAL_NAME

_NO_NAME = re.compile("(?!)(?P<step>)")

FINAL = Layout(_NO_NAME, FINAL_NAME, AnySignCheck(), step_in_state=True)
"""The model in the run's directory itself; its step is the newest checkpoint's unless it has a state of its own."""
BASE = Layout(_NO_NAME, BASE_NAME, NoCheck())
"""The model that the training began with, and any other that somebody has named."""
