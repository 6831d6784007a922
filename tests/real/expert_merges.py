"""Adapters of each expert by itself, merged: `python -m tests.real.expert_merges PLACE CASE...`, as JSON.

For each case the largest difference between the merged files and the base with the adapter added by hand; in place of
it the sentence where the merge refuses. A program of its own, since it imports torch.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from safetensors.torch import load_file

from tests.real.cases_weights import CASES
from watcher.engine.host.merging import merge
from watcher.model import UimonError


def apart(place: Path) -> float | str:
    try:
        merge(place / "base", place / "adapter", place / "merged")
    except UimonError as error:
        return error.sentence
    made, due = (load_file(place / name / "model.safetensors") for name in ("merged", "plain"))
    assert made.keys() == due.keys()
    return max(float((made[name].float() - due[name].float()).abs().max()) for name in due)


if __name__ == "__main__":
    said = {}
    for name in sys.argv[2:]:
        CASES[name](Path(sys.argv[1]) / name)
        said[name] = apart(Path(sys.argv[1]) / name)
    json.dump(said, sys.stdout)
