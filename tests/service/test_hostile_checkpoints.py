"""Checkpoints whose every name and value steers, forges or cannot be encoded, through the whole service: the good ones
are evaluated, the others are failed by name, and nothing raw is in the log, in `status` or in the JSON lines.
"""

from __future__ import annotations

import io
import json
import logging
import os
import struct
import time
from pathlib import Path
from typing import Any

import pytest

from tests.hostile import may_leave
from tests.support.checkpoint_files import write_checkpoint
from tests.support.house import House
from watcher.checkpoints.base_models import BaseName
from watcher.cli.status import run_status
from watcher.cli.watch import run_watch
from watcher.model import Reason, UimonError
from watcher.report.live import _JsonFormatter, _TextFormatter

EVIL = "\x1b[31m\r\n2026-11-28 12:00:00 ERROR forged\u202e\x9b2J\u2028"
"""What a file's name can hold."""
WORSE = f"{EVIL}\ud800"
"""What JSON can hold."""
NOT_UTF8 = os.fsdecode(b"ui\xff")


def write_weights(file: Path, tensor: str, shape: int) -> None:
    header = json.dumps({tensor: {"dtype": "I64", "shape": [shape], "data_offsets": [0, 8]}}).encode()
    file.write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))


def write_adapter(checkpoint: Path, shape: int) -> None:
    (checkpoint / "model.safetensors").unlink()
    names = {"peft_type": "LORA", "base_model_name_or_path": f"no/{WORSE}", "revision": WORSE}
    (checkpoint / "adapter_config.json").write_text(json.dumps(names))
    write_weights(checkpoint / "adapter_model.safetensors", f"base_model.model.w.lora_A{WORSE}.weight", shape)


def write_all(root: Path) -> None:
    """Steps 10 to 40 can be evaluated, 50 to 90 cannot."""
    write_checkpoint(root, 10)
    extra = write_checkpoint(root, 20)
    for name in (f"w{EVIL}.bin", NOT_UTF8):
        (extra / name).write_bytes(b"x")
    (extra / f"folder{EVIL}").mkdir()
    state = {"global_step": 30, "max_steps": WORSE, "log_history": [{"step": 30, "loss": WORSE, WORSE: 1}, WORSE]}
    (write_checkpoint(root, 30) / "trainer_state.json").write_text(json.dumps(state))
    inside = write_checkpoint(root, 40)
    (inside / NOT_UTF8).mkdir()
    for name in ("config.json", "model.safetensors"):
        (inside / name).rename(inside / NOT_UTF8 / name)
    write_weights(write_checkpoint(root, 50) / "model.safetensors", f"w{WORSE}", 9)
    config = {"architectures": [WORSE], "speculators_config": WORSE}
    (write_checkpoint(root, 60) / "config.json").write_text(json.dumps(config))
    index = write_checkpoint(root, 70)
    (index / "model.safetensors").unlink()
    (index / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {WORSE: WORSE, "w": f"../{WORSE}"}}))
    write_adapter(write_checkpoint(root, 80), 1)
    write_adapter(write_checkpoint(root, 90), 9)
    (root / f"checkpoint-91{EVIL}").mkdir()
    # Their writer is done with them.
    for path in (root, *root.rglob("*")):
        os.utime(path, (time.time() - 3600,) * 2)


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in texts(part)]
    return [text for part in value for text in texts(part)] if isinstance(value, list) else [str(value)]


@pytest.fixture
def logged() -> Any:
    """What goes into the log as lines, and as JSON."""
    streams = []
    for formatter in (_TextFormatter("%(levelname)s %(message)s"), _JsonFormatter()):
        handler = logging.StreamHandler(io.StringIO())
        handler.setFormatter(formatter)
        logging.getLogger("uimon").addHandler(handler)
        streams.append(handler)
    yield streams
    for handler in streams:
        logging.getLogger("uimon").removeHandler(handler)


def test_hostile_checkpoints_are_named_and_nothing_of_them_leaves_raw(
    house: House, tmp_path: Path, logged: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    house.root = tmp_path / f"ckpts{EVIL}"
    write_all(house.root)
    house.engine.faults = [None, UimonError(Reason.ENGINE_DIED, f"died of {WORSE}")]
    house.engine.tells = [(WORSE, True), (WORSE, False)]
    house.service(once=True).run()
    states = [(step, state) for step, state, _ in house.states()]
    assert states == [(step, "published" if step <= 40 else "failed") for step in range(10, 100, 10)]
    lines, documents = (handler.stream.getvalue().split("\n") for handler in logged)
    assert {line.partition(" ")[0] for line in lines if line} <= {"INFO", "WARNING", "ERROR"}
    assert all(may_leave(json.loads(line)["message"]) for line in documents if line)
    stored = [line for file in house.state.root.glob("*.jsonl") for line in file.read_text().split("\n")]
    assert len(stored) >= 4 + 8
    assert all(map(may_leave, (*lines, *stored)))
    for as_json in (False, True):
        run_status(None, house.state.root, best=True, best_by=None, baseline=None, as_json=as_json)
        shown = capsys.readouterr().out
        assert may_leave(shown, lines=True)
        assert "\\x1b[31m" in shown
    assert all(map(may_leave, texts(json.loads(shown))))


def test_a_base_can_be_named_in_any_text_that_is_stored() -> None:
    for name in ("a\ud800b", "a\udcff"):
        found = BaseName.of_adapter({"base_model_name_or_path": name, "revision": name})
        assert found is not None
        found.encode()


def test_a_directory_that_cannot_be_named_is_refused(tmp_path: Path) -> None:
    (tmp_path / NOT_UTF8).mkdir()
    (tmp_path / "link").symlink_to(tmp_path / NOT_UTF8)
    for place in (NOT_UTF8, "link"):
        with pytest.raises(UimonError, match=r"is not UTF-8.*rename the directory"):
            run_watch(tmp_path / place, {"wandb": "off"}, None, debug=False)
