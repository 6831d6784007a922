"""What `check_complete` says of checkpoints: `python -m tests.real.header_checks PLACE CASE...`, as JSON.

For each case of a full model: whether it passes as it is, and the names of the tensors without which it does not fail
as it should, by a sentence that names the tensor. A program of its own, since it imports torch.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from tests.real.cases_weights import CASES
from watcher.engine.host import completeness
from watcher.engine.model_files.inventory import Inventory, read_inventory
from watcher.model import UimonError


def overlooked(path: Path, inventory: Inventory, name: str) -> bool:
    """Whether the loss of this one tensor is not refused by its name."""
    kept: dict[str, Any] = {other: tensor for other, tensor in inventory.tensors.items() if other != name}
    without = Inventory(path, kept, inventory.config, inventory.bytes)
    with mock.patch.object(completeness, "read_inventory", return_value=without):
        try:
            completeness.check_complete(path)
        except UimonError as error:
            return f" {name} is missing" not in error.sentence
    return True


def check(place: Path, name: str) -> dict[str, Any]:
    CASES[name](place / name)
    path = place / name / "model"
    inventory = read_inventory(path)
    try:
        whole: bool | str = completeness.check_complete(path)
    except UimonError as error:
        whole = error.sentence
    return {"whole": whole, "overlooked": [name for name in inventory.tensors if overlooked(path, inventory, name)]}


if __name__ == "__main__":
    json.dump({name: check(Path(sys.argv[1]), name) for name in sys.argv[2:]}, sys.stdout)
