"""Publication as the rest of uimon sees it: rows go in, and what was read back from the run comes out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from watcher.model import Alert, LoggedStep, Reason, Row, UimonError
from watcher.trackers.wandb.claim import Move, Seen, decode_seen
from watcher.trackers.wandb.environment import server_environment
from watcher.trackers.wandb.process import SessionProcess
from watcher.trackers.wandb.run import RunFacts, RunRef, Writer
from watcher.trackers.wandb.wire import (
    Limits,
    Message,
    PublishPlan,
    PublishResult,
    decode_result,
    decode_steps,
    encode_alert,
    encode_row,
)

OnMark = Callable[[Sequence[str], int], None]


def inspect_run(
    ref: RunRef,
    timeout: float = 60.0,
    directory: Path | None = None,
    environ: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    *,
    search: bool = False,
) -> RunFacts:
    """Ask W&B about the run, within `timeout` seconds; a run that is missing has `exists` False.

    `search` also looks for a missing run among the entity's other projects, and by its display name.

    The session's files go under `directory` (None: a temporary one) and are removed. Raises `UimonError`:
    `WANDB_UNREACHABLE`, `WANDB_KEY_MISSING` or `WANDB_REFUSED`.
    """
    answer = _ask("inspect", ref, timeout, directory, environ, limits, search=search)
    facts = {key: value for key, value in answer.items() if key != "event"}
    found = {name: tuple(facts[name]) for name in ("elsewhere", "titled")}
    return RunFacts(**{**facts, **found, "writer": Writer(facts["writer"])})


def logged_steps(ref: RunRef, timeout: float = 60.0, environ: Mapping[str, str] | None = None) -> list[LoggedStep]:
    """What the trainer has logged into the run of its steps: the first `LOGGED_STEPS` that W&B shows, without their
    epochs. Raises as `inspect_run`.
    """
    return decode_steps(_ask("steps", ref, timeout, None, environ, None))


def _ask(
    task: str,
    ref: RunRef,
    timeout: float,
    directory: Path | None,
    environ: Mapping[str, str] | None,
    limits: Limits | None,
    **details: object,
) -> Message:
    """What a session answers to one question."""
    variables = server_environment(os.environ if environ is None else environ, ref.server)
    with ExitStack() as closing:
        place = directory or Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="uimon-")))
        session = closing.enter_context(SessionProcess(place, timeout, limits or Limits(), variables))
        session.send({"task": task, "ref": asdict(ref), "limits": asdict(limits or Limits()), **details})
        answer = session.receive()
        if answer is None:
            raise _no_answer(session, timeout)
    if answer["event"] == "error":
        raise UimonError(Reason(answer["reason"]), answer["sentence"])
    return answer


class WandbPublisher:
    """Publishes rows into one trainer's run, or into its companion, one session a batch.

    `directory` is where sessions keep their files while they live (under the state directory), `timeout` the
    seconds after which a session is killed, whatever it is doing. `environ` (None: this process's) supplies the
    credentials: `WANDB_API_KEY`, `WANDB_API_KEY_FILE`, or what `wandb login` left. `on_left` hears in which state the
    trainer has left its run, as soon as a session knows, before it writes.
    """

    def __init__(
        self,
        ref: RunRef,
        directory: Path,
        timeout: float = 240.0,
        limits: Limits | None = None,
        environ: Mapping[str, str] | None = None,
        on_left: Callable[[str], None] | None = None,
    ) -> None:
        self._ref = ref
        self._directory = directory
        self._timeout = timeout
        self._limits = limits or Limits()
        self._on_left = on_left
        self._environ = server_environment(os.environ if environ is None else environ, ref.server)

    def publish(
        self, rows: Sequence[Row], alerts: Sequence[Alert], order: PublishPlan, on_mark: OnMark
    ) -> PublishResult:
        """Bring `rows` where `order` says, and raise `alerts` there; never raises for what W&B does, but says why
        rows wait.

        `on_mark(uids, position)` must have committed the mark when it returns: it is called before anything is
        logged, once for each distinct mark (rows that were attempted before keep theirs). What it raises goes
        through, and then nothing was logged. An alert that was not proven to be raised is due again.
        """
        if not rows and not alerts:
            return PublishResult(())
        request = {
            "task": "publish",
            "ref": asdict(self._ref),
            "order": asdict(order),
            "rows": [encode_row(row) for row in rows],
            "alerts": [encode_alert(alert) for alert in alerts],
            "limits": asdict(self._limits),
        }
        with ExitStack() as closing:
            try:
                session = closing.enter_context(
                    SessionProcess(self._directory, self._timeout, self._limits, self._environ)
                )
            except OSError as error:
                # A full disk or process table passes; evaluation must not end for it.
                sentence = f"No W&B session could be started ({error.strerror}); uimon retries."
                return PublishResult((), Reason.WANDB_UNREACHABLE, sentence)
            session.send(request)
            answer = self._receive(session)
            if answer is not None and answer["event"] == "mark":
                _commit(answer, rows, on_mark)
                session.send({"go": True})
                answer = self._receive(session)
                if answer is None:
                    return PublishResult((), Reason.NOT_DELIVERED, _unproven(session, self._timeout))
            if answer is None:
                silence = _no_answer(session, self._timeout)
                return PublishResult((), silence.reason, silence.sentence)
        return decode_result(answer)

    def _receive(self, session: SessionProcess) -> Message | None:
        """The session's next line that is not a word on how the trainer has left its run."""
        while (answer := session.receive()) is not None and answer["event"] == "left":
            if self._on_left is not None:
                self._on_left(answer["state"])
        return answer

    def move(self, move: Move) -> Seen | None:
        """Make a move with the mark of who publishes into the run, and say what it is then; None where there is no run,
        or W&B is not to be had.
        """
        try:
            answer = _ask(
                "claim", self._ref, self._timeout, self._directory, self._environ, self._limits, move=asdict(move)
            )
        except (UimonError, OSError):
            return None
        return decode_seen(answer)

    def end(self, state: str, since: float) -> bool:
        """End the trainer's run, where it is open, as `state`, W&B's word; where that is empty, as finished if its
        trainer has left it since this moment of W&B's clock. True where it was ended, False also where W&B is not to be
        had.
        """
        where = (self._ref, self._timeout, self._directory, self._environ, self._limits)
        try:
            answer = _ask("end", *where, state=state, since=since)
        except (UimonError, OSError):
            return False
        return bool(answer["done"])


def _commit(mark: Message, rows: Sequence[Row], on_mark: OnMark) -> None:
    due = set(mark["uids"])
    positions: dict[int, list[str]] = {}
    for row in rows:
        if row.uid in due:
            # An earlier attempt may still show up late, so the first mark stays.
            position = mark["position"] if row.mark is None else min(row.mark, mark["position"])
            positions.setdefault(position, []).append(row.uid)
    for position, uids in positions.items():
        on_mark(uids, position)


def _no_answer(session: SessionProcess, timeout: float) -> UimonError:
    if session.timed_out:
        sentence = f"W&B did not answer within {timeout:g} s; uimon retries."
        return UimonError(Reason.WANDB_UNREACHABLE, sentence)
    return UimonError(
        Reason.WANDB_UNREACHABLE,
        f"The W&B session ended without an answer ({session.last_words()}); uimon retries.",
    )


def _unproven(session: SessionProcess, timeout: float) -> str:
    how = f"was stopped after {timeout:g} s" if session.timed_out else "ended without an answer"
    return f"The W&B session {how} after it had begun to log; uimon looks for its rows before it sends them again."
