"""What the same thing is known by, for ever: uids of rows, digests of suites and weights, keys of episodes, names of
directories; and the files beside the ledger, byte for byte.
"""

from __future__ import annotations

import json
import re
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.making import entry, healthy
from tests.golden.comparing import HERE, assert_same, assert_same_json
from tests.golden.subjects import (
    STAGE_NAME,
    AlertSettings,
    Arrival,
    Checkpoint,
    Condition,
    Conversation,
    Evidence,
    Exporter,
    FileStamp,
    History,
    LogSign,
    Owner,
    Parity,
    PromptSpec,
    RowKind,
    Sampling,
    ServedTensors,
    Settings,
    Setup,
    SignKind,
    StagingMode,
    StateDir,
    Suite,
    TokenizerStamp,
    ValFile,
    append_records,
    default_state_dir,
    digest_of,
    earlier_digests,
    evaluate,
    load_ledger,
    read_records,
    request_digest,
    requests_under,
    row_uid,
    safe_name,
    scorers,
    stage,
    train_row,
)

WEIGHTS = "a" * 64


def test_row_uids() -> None:
    fixed = {
        f"{kind} {run} {step} {' '.join(parts)}": row_uid(kind, run, step, *parts)
        for kind in RowKind
        for run in ("run", "läuft")
        for step in (0, 50)
        for parts in ((), ("weights", "suite"), ("suite", "weights"))
    }
    losses = {repr(loss): train_row("run", 5, loss) for loss in (0.0, 0.1, 1 / 3, 1e-300, 690.0, 1000.0)}
    assert_same_json("identities/row_uids", {"fixed": fixed, "of losses": losses})


PROMPT = PromptSpec("0", "page ü", (1, 5, 6), (7, 8, 2), 4)
SUITE = Suite(
    (PROMPT, replace(PROMPT, id="1", prefix_ids=(1, 4), sampled=False), PromptSpec("2", "no reference", (1,))),
    (2, 3),
    Sampling(64, 0.7, 1.0, 0, 1),
    "template",
    "4",
    1,
    128,
    "auto",
    "",
    TokenizerStamp("vocabulary", "template"),
)


def test_suites() -> None:
    drawn: dict[str, Any] = {"max_tokens": 65, "temperature": 0.0, "top_p": 0.9, "seed": 1, "n": 2}
    changed: dict[str, dict[str, Any]] = {
        "prompts": {"prompts": (PROMPT,)},
        "a prompt's text": {"prompts": (replace(PROMPT, text="other"),)},
        "stop_ids": {"stop_ids": (2,)},
        **{f"sampling.{name}": {"sampling": replace(SUITE.sampling, **{name: drawn[name]})} for name in drawn},
        "template_digest": {"template_digest": "another"},
        "scorer_version": {"scorer_version": "4+legacy"},
        "skipped": {"skipped": 0},
        "context": {"context": 256},
        "dtype": {"dtype": "float32"},
        "engine_args": {"engine_args": "--kv-cache-dtype fp8"},
        "tokenizer": {"tokenizer": TokenizerStamp("", "")},
    }
    digests = {name: replace(SUITE, **change).digest for name, change in changed.items()}
    assert len({SUITE.digest, *digests.values()}) == len(digests) + 1
    assert Suite.from_json(SUITE.to_json()) == SUITE
    assert_same("identities/suite.json", SUITE.to_json())
    assert_same_json("identities/suites", {"as it is": SUITE.digest, **digests})


OTHERWISE: dict[str, Any] = {
    "run_id": "other",
    "project": "other",
    "entity": "other",
    "wandb": "off",
    "settle": "1m",
    "pattern": "iter_{step}",
    "adopt_earlier": True,
    "policy": "latest",
    "val": "other.jsonl",
    "val_format": "chat",
    "val_keys": "prompt=ask",
    "samples": 8,
    "max_tokens": 100,
    "temperature": 0.0,
    "top_p": 0.5,
    "n": 2,
    "seed": 1,
    "system": "You write pages.",
    "tokenizer": "tokenizer",
    "chat_template": "template.jinja",
    "chat_template_kwargs": {"enable_thinking": False},
    "scorers": ["legacy"],
    "theme": "shadcn",
    "base": "org/base",
    "baseline": True,
    "gpu": "1",
    "share_gpu": True,
    "tensor_parallel": 2,
    "swap": "cold",
    "engine_args": "--kv-cache-dtype fp8",
    "max_num_seqs": 4,
    "max_model_len": 4096,
    "dtype": "float32",
    "gpu_memory_utilization": 0.5,
    "state_dir": "state",
    "keep_samples": "none",
    "stage": "copy",
    "stage_dir": "stage",
    "stage_budget_gb": 1.0,
    "disk_floor_gb": 1.0,
    "poll": "1s",
    "once": True,
    "until_final": True,
    "idle_exit": "1h",
    "grace": "1m",
    "drain_timeout": "1m",
    "webhook": "https://example.org/hook",
    "on_alert": "true",
    "alerts": {"silence": ["overfitting"]},
    "table_rows": 1,
    "serve": ":8080",
    "log_format": "json",
    "table_kb": 10,
}
"""For each setting another value than its default."""


def test_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which settings make another suite, and under which digest a restart finds it."""
    monkeypatch.chdir(tmp_path)
    Path("template.jinja").write_text("{{ messages }}")
    Path("tokenizer").mkdir()
    Path("tokenizer/tokenizer.json").write_text('{"model": {"vocab": {"a": 0, "b": 1}}}')
    val = ValFile(Path("val.jsonl"), (Conversation("0", ({"role": "user", "content": "a page"},)),), 0, "digest")
    lacking = set(Settings.model_fields) - set(OTHERWISE)
    assert not lacking, f"give {sorted(lacking)} another value than the default in OTHERWISE"
    assert set(OTHERWISE) == set(Settings.model_fields)

    def digest(settings: Settings) -> str:
        plugins = scorers.load_plugins(settings.scorers) if settings.scorers else ()
        theme = scorers.given_theme(["shadcn"]) if settings.theme else None
        return request_digest(settings, val, plugins, theme)

    usual = digest(Settings.model_validate({}))
    found = {name: digest(Settings.model_validate({name: value})) for name, value in OTHERWISE.items()}
    assert_same_json(
        "identities/requests",
        {
            "usual": usual,
            "another file": request_digest(Settings.model_validate({}), replace(val, digest="other")),
            "as earlier versions wrote it": earlier_digests(Settings.model_validate({}), val),
            "under scorers 1": requests_under(Settings.model_validate({}), val, "1"),
            "with another setting": {n: "the same" if d == usual else d for n, d in found.items()},
        },
    )


FILES = (
    FileStamp("model-00001.safetensors", 100, 1_700_000_000_000_000_001, 7, "", "abc"),
    FileStamp("model-00002.safetensors", 90, 1_700_000_000_000_000_002, 8, "", "def"),
    FileStamp("config.json", 10, 5, 9),
)


def test_stamps_and_digests_of_weights(tmp_path: Path) -> None:
    found = Checkpoint("checkpoint-50", Path("/c"), 50, Condition.COMPLETE, files=FILES)
    for name, content in (("b.safetensors", b"bb"), ("a.safetensors", b"aaa"), ("config.json", b"{}")):
        (tmp_path / name).write_bytes(content)
    told = {"stamp": found.stamp, "former stamp": found.former_stamp, "digest": digest_of(tmp_path)}
    assert_same_json("identities/weights", told)


def test_stage_names(tmp_path: Path) -> None:
    path = tmp_path / "ckpts" / "checkpoint-50"
    path.mkdir(parents=True)
    (path / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    status = (path / "model.safetensors").stat()
    stamp = FileStamp("model.safetensors", status.st_size, status.st_mtime_ns, status.st_ino)
    found = Checkpoint("checkpoint-50", path, 50, Condition.COMPLETE, files=(stamp,))
    names = {}
    for way in (StagingMode.COPY, StagingMode.LINK, StagingMode.IN_PLACE):
        staged = stage(found, tmp_path / "stage", ways=(way,))
        names[way.value] = re.sub("[0-9a-f]{8}$", "XXXXXXXX", staged.path.name)
    assert_same_json("identities/stage", {"names": names, "pattern": STAGE_NAME.pattern, "digest": staged.digest})


def test_state_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    named = Owner("run", "project", "entity", "https://api.wandb.ai")
    names = {text: safe_name(text) for text in ("run", "../a b", "ä/ö", ".hidden", "", "x" * 300)}
    places = {"a run's": default_state_dir(named), "a directory's": default_state_dir(Owner("run", root="/ckpts"))}
    load_ledger(6, tmp_path / "uimon" / "run").close()
    places["a run's where another has its name"] = default_state_dir(replace(named, project="other"))
    files = {n: getattr(StateDir(Path("STATE")), n) for n in dir(StateDir) if not n.startswith("_") and n != "create"}
    places = {name: Path(str(place).replace(str(tmp_path), "HOME")) for name, place in places.items()}
    files = {name: str(place) for name, place in files.items() if isinstance(place, Path)}
    assert_same_json("identities/state_directories", {"names": names, "places": places, "files": files})


def test_keys_of_episodes() -> None:
    steps = range(50, 450, 50)
    worse = [entry(step, bad=range(40)) for step in range(450, 550, 50)]
    signs = tuple(LogSign(kind, 300 + place, "seen", None) for place, kind in enumerate(SignKind))
    came = [Arrival(step, float(at)) for at, step in enumerate((100, 200, 300, 100, 200, 300, 400, 500), 1)]
    # The evaluator takes longer than the trainer.
    late = tuple(Arrival(100 * n, 60.0 * n, 60.0 + 150 * n if n < 5 else None) for n in range(1, 12))
    histories = {
        "validity": History((*healthy(steps), *worse)),
        "losses": History((entry(50), entry(300)), losses=((100, float("nan")), (120, float("inf")), (320, 1.0))),
        "weights": History((entry(50),), non_finite=((100, WEIGHTS),)),
        "log": History((entry(50),), signs=signs),
        "gone back": History((entry(50),), signs=signs, arrivals=tuple(came)),
        "silent": History((), arrivals=tuple(replace(a, settled_at=a.seen_at) for a in came), now=1e6),
        "behind": History((), arrivals=late, now=700.0),
    }
    keys = {name: [alarm.key for alarm in evaluate(found, AlertSettings())] for name, found in histories.items()}
    assert all(keys.values())
    assert_same_json("identities/episodes", keys)


def test_keys_of_alerts_about_checkpoints(tmp_path: Path) -> None:
    with closing(load_ledger(6, tmp_path)) as ledger:
        failures = tuple(ledger.failures().all())
    episodes = evaluate(History((), failures=failures), AlertSettings())
    assert_same_json("identities/alerts", [episode.alert() for episode in episodes])


SETUP = Setup("LlamaForCausalLM", "0.32.0", "cuda NVIDIA H200", "bfloat16", False, "", 1, "", ("VLLM_X=1",))
PARITY = Parity(SETUP, True, 0.0, 3.5, 0.1, "before", "after", "2026-01-01T00:00:00+00:00")


def test_evidence_as_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "evidence.json"
    evidence = Evidence(file)
    evidence.keep(PARITY)
    evidence.keep(replace(PARITY, setup=replace(SETUP, tied=True), equal=False))
    evidence.settle("merged")
    evidence.note(ServedTensors(SETUP, False, 3, ("lm_head.weight",), "", ("packed",)))
    evidence.note(ServedTensors(SETUP, True, 0, (), "it holds no tensor of its own"))
    base = tmp_path / "base"
    base.mkdir()
    (base / "model.safetensors").write_bytes(b"base")
    evidence.require_base(base)
    stamp = json.loads(file.read_text())["base"]["stamp"]
    assert re.fullmatch("[0-9a-f]{64}", stamp), "its files' paths, times and inodes, which are others each time"
    written = file.read_text().replace(stamp, "STAMP").replace(str(tmp_path), "HERE")
    assert_same("identities/evidence.json", written)


def test_evidence_as_it_is_read(tmp_path: Path) -> None:
    file = Path(shutil.copy(HERE / "expected" / "identities" / "evidence.json", tmp_path))
    evidence = Evidence(file)
    assert evidence.parity(SETUP) == PARITY
    assert evidence.adapters == "merged"
    assert [served.adapter for served in evidence.served] == [False, True]
    file.write_text('{"parity": [], "adapters": "lora"}')
    assert Evidence(file).adapters == "lora", "an earlier version knew neither of a base nor of what is served"


def test_json_lines_of_a_ledger(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    with closing(load_ledger(6, tmp_path)) as ledger:
        for evaluation in ledger.evaluations():
            ledger.mark_exported(evaluation.uid, exported=False)
        assert Exporter(ledger, state).export() == 4
    assert_same("identities/evaluations.jsonl", state.evaluations.read_bytes())
    assert_same("identities/samples.jsonl", state.samples.read_bytes())


def test_json_lines(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    text = "ü 😀 \x1b[31m \u202e \u2028"
    records: list[dict[str, Any]] = [{"uid": "1", "text": text}, {"n": 1.5, "none": None, "list": [1, {"a": "b"}]}]
    append_records(file, records)
    assert list(read_records(file)) == records
    assert_same("identities/lines.jsonl", file.read_bytes())
    earlier = b'{"uid": "1"}\n{"uid": "2", "crc": "00000000"}\nno record\n'
    file.write_bytes(earlier)
    assert list(read_records(file)) == [{"uid": "1"}, None, None]
