"""What uimon prints and sends for programs: `--json` of every command that has it, `/healthz`, the log as JSON, and
what a webhook and a command get.
"""

from __future__ import annotations

import io
import json
import logging
import re
import shutil
import sys
import urllib.error
import urllib.request
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.golden.comparing import assert_same_json, placed
from tests.golden.subjects import (
    NOW,
    AlertLevel,
    CheckStatus,
    EngineFacts,
    Episode,
    GpuChoice,
    Heartbeat,
    Ledger,
    Probes,
    Rule,
    RunFacts,
    Suite,
    ValFile,
    app,
    doctor_command,
    eval_command,
    json_log,
    load_ledger,
    payload,
    scorers,
    serving,
)

GOOD = '<!doctype html><html><body><p class="p-4 bg-blue-500 text-rose-600">Hi</p></body></html>'
STEPS = (50, 100)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory of a run with checkpoints in every state."""
    root = tmp_path_factory.mktemp("state")
    load_ledger(6, root).close()
    return root


@pytest.fixture
def state(filled: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(filled, tmp_path / "state"))


def document(*arguments: str | Path, code: int = 0) -> Any:
    """What a command prints with `--json`."""
    done = CliRunner().invoke(app, [*map(str, arguments), "--json"], prog_name="uimon")
    assert isinstance(done.exception, SystemExit | None)
    assert done.exit_code == code, done.stderr
    return json.loads(done.stdout, parse_constant=pytest.fail)


def without_sizes(shown: Any) -> Any:
    """Files take as many bytes as SQLite and zlib of this machine make of them, and time goes on."""
    shown["stored"] = {name: "BYTES" if name.endswith("bytes") else n for name, n in shown["stored"].items()}
    shown["unconfirmed"]["age_seconds"] = "SECONDS"
    return shown


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("status", ()),
        ("status_best", ("--best",)),
        ("status_best_by", ("--best-by", "perplexity,validity")),
        ("status_baseline", ("--baseline", "10")),
    ],
)
def test_status(state: Path, name: str, flags: tuple[str, ...]) -> None:
    shown = without_sizes(document("status", "--state-dir", state, *flags))
    states = {checkpoint["state"] for checkpoint in shown["checkpoints"]}
    assert states == {"seen", "complete", "staged", "evaluating", "evaluated", "published", "skipped", "failed"}
    if name != "status":
        # The rest is the same as without the flag.
        shown = {part: shown[part] for part in ("best", "comparison") if part in shown}
    assert_same_json(f"documents/{name}", shown)


def test_status_of_nothing(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger.sqlite3").close()
    assert_same_json("documents/status_of_nothing", without_sizes(document("status", "--state-dir", tmp_path)))


def test_eval(filled: Path) -> None:
    """The evaluated checkpoints, as after an evaluation."""
    answer = io.StringIO()
    with closing(Ledger(filled / "ledger.sqlite3", read_only=True)) as ledger:
        paths = {record.path for record in ledger.records() if record.step in (20, 40)}
        parts: Any = SimpleNamespace(ledger=ledger)
        eval_command._print(parts, paths, answer, as_json=True)
    assert_same_json("documents/eval", json.loads(answer.getvalue()))


def test_score(tmp_path: Path) -> None:
    (tmp_path / "good.html").write_text(GOOD)
    (tmp_path / "bad.tsx").write_text("export default () => <main><div></main>\n")
    rows: list[dict[str, Any]] = [{"id": 1, "completion": GOOD}, {"id": 2, "completion": None}]
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    shown = document("score", tmp_path / "good.html", tmp_path / "bad.tsx", tmp_path / "rows.jsonl")
    assert_same_json("documents/score", placed(shown, {str(tmp_path): "HERE"}))


def test_score_with_a_plug_in(tmp_path: Path) -> None:
    (tmp_path / "good.html").write_text(GOOD)
    shown = document("score", tmp_path / "good.html", "--scorer", "legacy")
    wanted = {"metrics": {n: v for n, v in shown["metrics"].items() if n.count("/") > 1}, "samples": shown["samples"]}
    assert_same_json("documents/score_plugin", placed(wanted, {str(tmp_path): "HERE"}))


def test_rescore(state: Path) -> None:
    with closing(Ledger(state / "ledger.sqlite3")) as ledger:
        evaluated = {evaluation.suite for evaluation in ledger.evaluations() if not evaluation.origin}
        ((request, digest, body),) = (kept for kept in ledger.suites() if kept[1] in evaluated)
        earlier = replace(Suite.from_json(body), scorer_version="1", skipped=9)
        assert digest == Suite.from_json(body).digest
        ledger.keep_suite(request, earlier.digest, earlier.to_json())
        with ledger.change() as db:
            db.execute("UPDATE evaluation SET suite = ? WHERE suite = ?", (earlier.digest, digest))
            db.execute("UPDATE answers SET body = x'' WHERE uid = (SELECT uid FROM evaluation WHERE checkpoint = 2)")
    shown = document("rescore", "--dry-run", "--state-dir", state, code=1)
    assert [one["state"] for one in shown["evaluations"]] == ["rescored", "failed", "rescored"]
    assert_same_json("documents/rescore", placed(shown, {str(state): "STATE"}))


def test_what_the_first_version_has_left_is_scored_anew(tmp_path: Path) -> None:
    load_ledger(1, tmp_path).close()
    shown = document("rescore", "--dry-run", "--state-dir", tmp_path)
    assert [one["state"] for one in shown["evaluations"]] == ["rescored"] * 3


def checkpoint(root: Path, step: int) -> None:
    path = root / f"checkpoint-{step}"
    path.mkdir(parents=True)
    header = json.dumps({"a": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]}}).encode()
    (path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"x" * 8)
    (path / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    (path / "trainer_state.json").write_text(json.dumps({"global_step": step}))


def test_doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names and the order of the checks, their fields and statuses; what they say is for people."""
    root = tmp_path / "ckpts"
    for step in STEPS:
        checkpoint(root, step)
    probes = Probes(
        engine=lambda: EngineFacts("0.32.0", "2.13.0", "cuda"),
        gpu=lambda: GpuChoice("GPU-1", "Card", 10**11, 10**11, "The engine runs on GPU 1."),
        val=lambda: ValFile(tmp_path / "val.jsonl", (), 0, "digest"),
        wandb=lambda: RunFacts(True, "running"),
        events=lambda _: None,
        python=(3, 12, 1),
        free=lambda _: 10**12,
    )
    monkeypatch.setattr(doctor_command, "_probes", lambda *_: probes)
    monkeypatch.chdir(tmp_path)
    for name in ("WANDB_RUN_ID", "UIMON_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    shown = document("doctor", root, "--state-dir", tmp_path / "state")
    assert {check["status"] for check in shown["checks"]} <= {status.value for status in CheckStatus}
    for check in shown["checks"]:
        check |= {"status": "STATUS", "sentence": type(check["sentence"]).__name__}
        check["next_step"] = type(check["next_step"]).__name__
    assert_same_json("documents/doctor", shown | {"statuses": [status.value for status in CheckStatus]})


def test_healthz() -> None:
    seconds = [0.0]
    heartbeat = Heartbeat(lambda: seconds[0])
    said: dict[str, Any] = {}
    with serving("127.0.0.1:0", heartbeat) as port:

        def ask(when: str, path: str = "/healthz") -> None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
                    said[when] = [answer.status, json.load(answer)]
            except urllib.error.HTTPError as error:
                with error:
                    said[when] = [error.code, json.load(error)]

        ask("idle")
        heartbeat.pace.phase("generate")
        heartbeat.away = lambda: "The engine is away."
        seconds[0] = 1.0
        ask("evaluating, the engine away")
        seconds[0] = 90.0
        ask("hanging")
        ask("another path", "/")
    assert_same_json("documents/healthz", said)


def test_the_log_as_json() -> None:
    formatter = json_log()
    plain = logging.LogRecord("uimon", logging.WARNING, "", 0, "Step %d waits.", (50,), None)
    try:
        int("broken")
    except ValueError:
        failed = logging.LogRecord("uimon", logging.ERROR, "", 0, "It failed.", (), sys.exc_info())
    for record in (plain, failed):
        record.created = NOW
    lines = [json.loads(formatter.format(record)) for record in (plain, failed)]
    lines[1]["traceback"] = re.sub(".*(ValueError): .*$", r"… \1", lines[1]["traceback"], flags=re.DOTALL)
    assert_same_json("documents/log", lines)


ALARM = Episode(
    *("overfitting/30/4e5f6071", Rule.OVERFITTING, AlertLevel.WARN, 30, "Title", "What <was> seen.", "limit = 1"),
    *("source", "cause", "fix", (0, 1), "0b094b1dc9f05e6a493e"),
)


def test_what_a_webhook_and_a_command_get() -> None:
    both = {"raised": payload(ALARM, "run"), "cleared": payload(replace(ALARM, cleared_step=40), "run")}
    assert_same_json("documents/webhook", both)


def test_a_stored_sample() -> None:
    score = scorers.score_sample
    texts = (GOOD, "```tsx\nexport default () => <main><div></main>\n```", "no code", "")
    found = [score(scorers.Completion(text, truncated=not text, source="1")).to_dict() for text in texts]
    assert [scorers.Sample.from_dict(sample).to_dict() for sample in found] == found
    assert_same_json("documents/samples", found)
