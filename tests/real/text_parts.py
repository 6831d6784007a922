"""Wrappers against the text models that uimon reads in their place: `python -m tests.real.text_parts PLACE CASE...`.

Prints, as JSON, the largest difference in nats between the log-probabilities of the two, both in transformers in fp32;
None where no text model was found.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

from tests.real.cases_weights import CASES
from watcher.engine.model_files.views import lay_out, reading_of


def scores(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = model.eval()(input_ids=torch.arange(3, 60)[None]).logits[0]
    return torch.log_softmax(logits.double(), -1)


def apart(place: Path, name: str) -> float | None:
    CASES[name](place / name)
    reading = reading_of(place / name / "model", text=True)
    if not reading.left_out:
        return None
    view = lay_out(reading, place / name / "view")
    whole = AutoModelForImageTextToText.from_pretrained(place / name / "model", dtype=torch.float32)
    alone = AutoModelForCausalLM.from_pretrained(view, dtype=torch.float32)
    return float((scores(whole) - scores(alone)).abs().max())


if __name__ == "__main__":
    json.dump({name: apart(Path(sys.argv[1]), name) for name in sys.argv[2:]}, sys.stdout)
