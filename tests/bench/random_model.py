"""Two random llamas in 16 bits: `python -m tests.bench.random_model DIRECTORY SHAPE` writes `a` and `b` there.

SHAPE is JSON: fields of the configuration and their numbers. A program of its own, for it imports torch.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.engine.tiny_models import model, save

if __name__ == "__main__":
    for letter, seed in (("a", 1), ("b", 2)):
        save(model("llama", False, seed, **json.loads(sys.argv[2])), Path(sys.argv[1]) / letter)
