"""What W&B is asked about runs. Nothing outside a session imports this module: it imports the SDK."""

from __future__ import annotations

import json
import math
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice

import wandb
from wandb.apis.public.runs import Run as PublicRun
from wandb.apis.public.runs import RunNotFoundError
from wandb.sdk.lib.service.service_connection import WandbApiFailedError

from watcher.model import LoggedStep, Reason, Row, RowKind, UimonError
from watcher.trackers.wandb.proof import Look, Patience
from watcher.trackers.wandb.run import CLOUD, RunFacts, RunRef, Writer
from watcher.trackers.wandb.wire import LOGGED_STEPS, Limits

# `shared_mode` in the SDK's telemetry enumeration (wandb.proto.wandb_telemetry_pb2.Feature).
_FEATURE_SHARED_MODE = 67
# What the SDK says where the server was not reached, or only to answer that it is not well.
_OUTAGE_WORDS = (
    "giving up after",
    "timed out",
    "timeout",
    "deadline exceeded",
    "dial tcp",
    "connection",
    "HTTP 5",
    "HTTP 429",
    "EOF",
    # A page of some proxy's in the place of an answer.
    "invalid character",
    # Its own process, which may be killed as any other.
    "service process is not running",
)

_STEP, _LOSS, _RATE, _NORM = "train/global_step", "train/loss", "train/learning_rate", "train/grad_norm"

FIRST_LINES = 50
"""So many of a run's first lines are compared: a trainer that is not in shared mode loses its earliest ones."""

FAILURES = (wandb.Error, WandbApiFailedError, TimeoutError)
"""The public API raises wandb-core's own error where it pages, and its own wrapping of it elsewhere."""


def connect() -> wandb.Api:
    """The public API of the server that WANDB_BASE_URL names. Raises as the SDK does."""
    if os.environ.get("WANDB_BASE_URL") == CLOUD:
        # The SDK knows its own cloud, and the logins for it, by an address that differs from release to release.
        os.environ["WANDB_BASE_URL"] = str(wandb.Settings.model_fields["base_url"].default)
    return wandb.Api(timeout=60)


def load(ref: RunRef) -> PublicRun | None:
    """The run with all its attributes, None where there is none. Raises `UimonError` where W&B cannot be asked."""
    try:
        api = connect()
        return api.run(f"{ref.entity or api.default_entity}/{ref.project}/{ref.run_id}")
    except FAILURES as error:
        if isinstance(getattr(error, "exc", None), RunNotFoundError):
            return None
        raise explain(error) from error


def facts_of(run: PublicRun | None) -> RunFacts:
    """What a run's attributes say of it, None being a run that does not exist."""
    if run is None:
        return RunFacts(exists=False)
    return RunFacts(
        exists=True,
        state=run.state,
        writer=_writer(run),
        url=run.url,
        # Its own `path` is quoted for an address, and a project's name may hold blanks.
        path=f"{run.entity}/{run.project}/{run.id}",
        title=run.name or run.id,
        group=getattr(run, "group", None),
        history_lines=int(getattr(run, "historyLineCount", 0) or 0),
        silence=_heartbeat_age(getattr(run, "heartbeat_at", None)),
        begun=moment(getattr(run, "created_at", None)),
        heartbeat=moment(getattr(run, "heartbeat_at", None)),
    )


def logged_steps(run: PublicRun | None) -> list[LoggedStep]:
    """What a Hugging Face Trainer has logged into the run of its steps: the first `LOGGED_STEPS` of them."""
    if run is None:
        return []
    # Older trainers log no gradient norm: W&B leaves out the lines that lack one of the keys it is asked for.
    rates, norms = _column(run, _RATE), _column(run, _NORM)
    return [
        LoggedStep(step, loss, norms.get((step, loss)), rates.get((step, loss)))
        for step, loss, _ in _lines(run, _STEP, _LOSS)
    ]


def _column(run: PublicRun, key: str) -> dict[tuple[int, float], float]:
    return {(step, loss): value for step, loss, value in _lines(run, _STEP, _LOSS, key)}


def _lines(run: PublicRun, *keys: str) -> Iterator[tuple[int, float, float]]:
    """The step, the loss and the last of `keys` of each line that holds them all as numbers."""
    try:
        for line in islice(run.scan_history(keys=list(keys), use_cache=False), LOGGED_STEPS):
            numbers = [_number(line[key]) for key in keys]
            if (step := numbers[0]) is not None and (loss := numbers[1]) is not None and math.isfinite(step):
                value = numbers[-1]
                yield int(step), loss, math.nan if value is None else value
    except FAILURES as error:
        raise explain(error) from error


def _number(told: object) -> float | None:
    """A number that W&B tells; NaN and infinity it tells as words."""
    if isinstance(told, bool) or not isinstance(told, int | float | str):
        return None
    try:
        return float(told)
    except ValueError:
        return None


def position_of(run: PublicRun | None) -> int:
    """The smallest `_step` that a row logged from now on can get. W&B may have taken lines that it does not show yet:
    then the row gets a greater one, which a search from here finds all the same.
    """
    if run is None:
        return 0
    try:
        return int(run.lastHistoryStep) + 1
    except FAILURES as error:
        raise explain(error) from error


def look(run: PublicRun | None, rows: Iterable[Row], now: float, patience: Patience) -> Look:
    """What the run shows of the rows that were attempted before, from the first one's mark on; also by pages without
    keys where that decides about one of them.
    """
    attempted = [row for row in rows if row.mark is not None]
    marks = [row.mark for row in attempted if row.mark is not None]
    if run is None or not marks:
        return Look(now, 0, {}, {})
    end = position_of(run)
    # A trainer that was started again without resuming has begun the history anew.
    start = min(marks) if min(marks) <= end else 0
    keyed = _keyed(run, {row.kind for row in attempted}, start)
    decided = any(row.sent and patience.is_over(row.sent, now) for row in attempted if not keyed[row.uid])
    paged, lines = _paged(run, start) if decided else (None, 0)
    return Look(now, start, keyed, paged, lines, end - 1)


def survey(run: PublicRun | None, now: float) -> Look:
    """What the whole run shows of uimon's rows, by key and by pages: what neither shows is sent at once."""
    if run is None:
        return Look(now, 0, {}, {})
    keyed = _keyed(run, RowKind, 0)
    paged, lines = _paged(run, 0)
    return Look(now, 0, keyed, paged, lines, position_of(run) - 1)


def shown(run: PublicRun | None) -> Counter[str]:
    """How often a scan by key shows each of uimon's rows in the whole run."""
    return Counter() if run is None else _keyed(run, RowKind, 0)


def read_back(run: PublicRun, rows: Sequence[Row], position: int, limits: Limits) -> Counter[str]:
    """How often the run holds each of uimon's rows from `position` on, read until all of `rows` are seen or
    `limits.polls` readings are done.
    """
    seen: Counter[str] = Counter()
    for attempt in range(limits.polls):
        if attempt:
            time.sleep(limits.poll_pause)
        try:
            seen = _keyed(run, {row.kind for row in rows}, position)
        except UimonError:
            # The rows are sent: an outage now means that nothing is proven yet, and the next reading may be.
            continue
        if all(seen[row.uid] for row in rows):
            break
    return seen


def first_lines(run: PublicRun) -> Counter[str]:
    """The lines of other writers among the first `FIRST_LINES` of the run, without their numbers, and without nested
    values: W&B completes those of tables, files and histograms after it has taken them.
    """
    try:
        lines = list(run.scan_history(max_step=FIRST_LINES, use_cache=False))
    except FAILURES as error:
        raise explain(error) from error
    theirs = [line for line in lines if not any(f"{kind}/uid" in line for kind in RowKind)]
    return Counter(json.dumps(_plain(line), sort_keys=True, default=repr) for line in theirs)


def are_there(run: PublicRun, lines: Counter[str], limits: Limits) -> bool:
    """Whether these are still among the first lines, read until they are or `limits.polls` readings are done: a reading
    may show less than the one before. Raises `UimonError` where W&B cannot be asked.
    """
    for attempt in range(limits.polls):
        if attempt:
            time.sleep(limits.poll_pause)
        if not lines - first_lines(run):
            return True
    return False


def _plain(line: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in line.items() if name != "_step" and not isinstance(value, dict | list)}


def explain(error: Exception) -> UimonError:
    """The SDK's exception as the reason and the sentence it amounts to."""
    text = " ".join(str(error).split())[:300]
    if any(word in text for word in _OUTAGE_WORDS):
        return UimonError(Reason.WANDB_UNREACHABLE, f"W&B does not answer; uimon retries ({text}).")
    if "No API key configured" in text or "No authentication configured" in text:
        server = os.environ.get("WANDB_BASE_URL")
        key, login = (f" for {server}", f"wandb login --host={server}") if server else ("", "wandb login")
        return UimonError(
            Reason.WANDB_KEY_MISSING,
            f"There is no W&B key{key}: set WANDB_API_KEY or WANDB_API_KEY_FILE, or run `{login}`.",
        )
    server = f" at {os.environ['WANDB_BASE_URL']}" if os.environ.get("WANDB_BASE_URL") else ""
    return UimonError(
        Reason.WANDB_REFUSED,
        f"W&B{server} refused: {text}. Check that the key is that server's, and that it may write to this entity and "
        "project.",
    )


def _keyed(run: PublicRun, kinds: Iterable[RowKind], position: int) -> Counter[str]:
    """How often a scan by key shows each row of these kinds at or after `position`: only those pages are read."""
    seen: Counter[str] = Counter()
    for kind in sorted(kinds):
        key = f"{kind}/uid"
        try:
            # The SDK's cache would show yesterday's history; a scan by key skips the trainer's rows.
            seen.update(_uids(run.scan_history(keys=[key], min_step=position, use_cache=False), (key,)))
        except FAILURES as error:
            raise explain(error) from error
    return seen


def _paged(run: PublicRun, position: int) -> tuple[Counter[str], int]:
    """How often the pages without keys show each row at or after `position`, and how many lines they hold in all."""
    seen: Counter[str] = Counter()
    lines = 0
    try:
        for line in run.scan_history(min_step=position, use_cache=False):
            lines += 1
            seen.update(_uids((line,), [f"{kind}/uid" for kind in RowKind]))
    except FAILURES as error:
        raise explain(error) from error
    return seen, lines


def _uids(lines: Iterable[Mapping[str, object]], keys: Sequence[str]) -> Iterator[str]:
    """The uids in a run's lines; whatever else somebody has logged under these keys is no row of uimon's."""
    return (uid for line in lines for key in keys if isinstance(uid := line.get(key), str))


def _writer(run: PublicRun) -> Writer:
    """The mode of the newest writer of the run's config, which each writer puts its telemetry into."""
    features = run.rawconfig.get("_wandb", {}).get("t", {}).get("3")
    if features is None:
        return Writer.UNKNOWN
    return Writer.SHARED if _FEATURE_SHARED_MODE in features else Writer.DEFAULT


def _heartbeat_age(heartbeat: object) -> float | None:
    """Seconds since a moment that W&B tells; None where it tells none that can be read."""
    at = moment(heartbeat)
    return None if at is None else max(0.0, time.time() - at)


def moment(told: object) -> float | None:
    """A moment that W&B tells, in seconds since the epoch; None where it tells none that can be read."""
    try:
        at = datetime.fromisoformat(str(told))
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
