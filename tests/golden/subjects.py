"""What of the product the golden files are about: its only imports in these tests."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import typer

import scorers
import watcher.cli.doctor as doctor_command
import watcher.cli.evaluate as eval_command
import watcher.trackers.wandb.publisher as publishing
from scorers.extraction import AnswerShape
from scorers.metrics.catalog import METRICS, POOLED, RATES
from watcher.alerts import AlertSettings, Arrival, History, Rule, evaluate
from watcher.alerts.delivery import payload
from watcher.alerts.episodes import Episode
from watcher.alerts.stored import VERSION as SUMMARY_VERSION
from watcher.checkpoints.staging.stage import STAGE_NAME, digest_of, stage
from watcher.checkpoints.staging.transfer import StagingMode
from watcher.checkpoints.training_log import LogSign, SignKind
from watcher.cli.app import app
from watcher.doctor.checks import EngineFacts, Probes
from watcher.doctor.checks import Status as CheckStatus
from watcher.engine.environment import host_environment
from watcher.engine.evidence import Evidence, Parity, ServedTensors
from watcher.engine.gpu import GpuChoice
from watcher.engine.model_files.tokenizer_files import TokenizerStamp
from watcher.engine.types import Conversation, PromptSpec, Sampling, Setup
from watcher.evaluation.evaluate import ENGINE_METRICS, TABLE_COLUMNS, TableLimits, eval_row
from watcher.evaluation.rows import train_row
from watcher.evaluation.suite import Suite, earlier_digests, kept_suite, request_digest, requests_under
from watcher.ledger.export import _SIZE, Exporter
from watcher.ledger.jsonl import append_records, read_records
from watcher.ledger.ledger import Ledger
from watcher.ledger.reading import AWAY_KEY, LOG_SIGNS, RESTORED
from watcher.ledger.rows import MIGRATIONS, SCHEMA_VERSION, Evaluation, Record
from watcher.ledger.state_dir import StateDir
from watcher.ledger.state_home import ROOT, Owner, default_state_dir, safe_name
from watcher.model import (
    Alert,
    AlertLevel,
    Checkpoint,
    CheckpointKind,
    Condition,
    FileStamp,
    FollowupState,
    LoggedStep,
    Reason,
    Row,
    RowKind,
    Sending,
    State,
    Table,
    Target,
    TrainerState,
    row_uid,
)
from watcher.report.live import _JsonFormatter as json_log
from watcher.service.health import Heartbeat, serving
from watcher.service.history import _WATCHED
from watcher.settings.config import DECLARED, Settings
from watcher.system.clock import _CLOCK
from watcher.system.crashpoint import POINTS
from watcher.trackers.wandb import content, definitions, join_state
from watcher.trackers.wandb.claim import (
    Mark,
    Move,
    Seen,
    decode_mark,
    decode_move,
    decode_seen,
    encode_mark,
    encode_seen,
)
from watcher.trackers.wandb.environment import session_environment
from watcher.trackers.wandb.joining import Mode
from watcher.trackers.wandb.own_run import _KEY as OWN_KEY
from watcher.trackers.wandb.own_run import JOB_TYPE, description
from watcher.trackers.wandb.publisher import WandbPublisher, inspect_run, logged_steps
from watcher.trackers.wandb.run import RunFacts, RunRef
from watcher.trackers.wandb.wire import (
    Limits,
    PublishPlan,
    PublishResult,
    decode_alert,
    decode_order,
    decode_result,
    decode_row,
    decode_steps,
    encode_alert,
    encode_row,
    encode_steps,
    error_message,
    published_message,
)
from watcher.validation import ValFile

__all__ = [
    "DECLARED",
    "ENGINE_METRICS",
    "JOB_TYPE",
    "META",
    "METRICS",
    "MIGRATIONS",
    "OWN_KEY",
    "POINTS",
    "POOLED",
    "RATES",
    "SCHEMA_VERSION",
    "STAGE_NAME",
    "SUMMARY_VERSION",
    "TABLE_COLUMNS",
    "Alert",
    "AlertLevel",
    "AlertSettings",
    "AnswerShape",
    "Arrival",
    "CheckStatus",
    "Checkpoint",
    "CheckpointKind",
    "Condition",
    "Conversation",
    "EngineFacts",
    "Episode",
    "Evaluation",
    "Evidence",
    "Exporter",
    "FileStamp",
    "FollowupState",
    "GpuChoice",
    "Heartbeat",
    "History",
    "Ledger",
    "Limits",
    "LogSign",
    "LoggedStep",
    "Mark",
    "Mode",
    "Move",
    "Owner",
    "Parity",
    "Probes",
    "PromptSpec",
    "PublishPlan",
    "PublishResult",
    "Reason",
    "Record",
    "Row",
    "RowKind",
    "Rule",
    "RunFacts",
    "RunRef",
    "Sampling",
    "Seen",
    "Sending",
    "ServedTensors",
    "Settings",
    "Setup",
    "SignKind",
    "StagingMode",
    "State",
    "StateDir",
    "Suite",
    "Table",
    "TableLimits",
    "Target",
    "TokenizerStamp",
    "TrainerState",
    "ValFile",
    "WandbPublisher",
    "app",
    "append_records",
    "commands",
    "content",
    "decode_alert",
    "decode_mark",
    "decode_move",
    "decode_order",
    "decode_result",
    "decode_row",
    "decode_seen",
    "decode_steps",
    "default_state_dir",
    "definitions",
    "description",
    "digest_of",
    "doctor_command",
    "earlier_digests",
    "encode_alert",
    "encode_mark",
    "encode_row",
    "encode_seen",
    "encode_steps",
    "error_message",
    "eval_command",
    "eval_row",
    "evaluate",
    "host_environment",
    "inspect_run",
    "json_log",
    "kept_suite",
    "load_ledger",
    "logged_steps",
    "old_ledger",
    "parameters",
    "payload",
    "published_message",
    "publishing",
    "read_records",
    "request_digest",
    "requests_under",
    "row_uid",
    "safe_name",
    "scorers",
    "serving",
    "session_environment",
    "stage",
    "train_row",
]

NOW: Final = 1_700_100_000.0
"""What a ledger's clock says in these tests, in seconds since the epoch."""
META: Final = {
    "AWAY_KEY": AWAY_KEY,
    "CLOCK": _CLOCK,
    "ENDED_AS": join_state._ENDED_AS,
    "FIRST_ROWS": [join_state._FIRST_ROWS, join_state._KEPT, join_state._LOST],
    "LOG_SIGNS": LOG_SIGNS,
    "OPENED": join_state._OPENED,
    "RESTORED": RESTORED,
    "ROOT": ROOT,
    "RUN_MADE": join_state._RUN_MADE,
    "SIZE": _SIZE,
    "WATCHED": _WATCHED,
}
"""Names under which a ledger remembers small facts."""
LEDGERS: Final = Path(__file__).parent / "ledgers"


def old_ledger(version: int, file: Path) -> None:
    """Write the ledger that a version with this schema has left."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as db:
        db.executescript((LEDGERS / f"version_{version}.sql").read_text("utf-8"))


def load_ledger(version: int, root: Path, clock: Callable[[], float] = lambda: NOW) -> Ledger:
    """The ledger of that version in the state directory `root`, brought into today's form."""
    state = StateDir(root)
    old_ledger(version, state.ledger)
    return Ledger(state.ledger, clock)


def commands() -> list[str]:
    """The names of all commands."""
    group: Any = typer.main.get_command(app)
    return sorted(group.commands)


def parameters(command: str) -> list[dict[str, Any]]:
    """The arguments and options of a command, in their order."""
    group: Any = typer.main.get_command(app)
    return [
        {
            "name": found.name,
            "options": list(found.opts),
            "default": found.default,
            "required": found.required,
            "multiple": found.multiple if found.param_type_name == "option" else found.nargs != 1,
            "flag": getattr(found, "is_flag", False),
        }
        for found in group.commands[command].params
    ]
