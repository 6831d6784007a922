"""The engine host: `python -m watcher.engine.host.main`, the only process that imports torch, vLLM and transformers.

It answers requests from its parent one at a time, and dies with it. Known refusals (`UimonError`) are answered and
survived. Any other exception is reported and ends the process: after a failed reload an engine can serve
uninitialized memory, so no engine that raised is ever asked again.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
import traceback
from types import TracebackType

from watcher.engine.failures import fitting_context, reason_of, sentence_of
from watcher.engine.host.arguments import parse_arguments, plain
from watcher.engine.host.completeness import check_complete
from watcher.engine.host.prompts import render
from watcher.engine.host.runner import VllmRunner
from watcher.engine.model_files.views import configuration_of
from watcher.engine.protocol import (
    Channel,
    CheckArguments,
    CheckArgumentsDone,
    EngineProgress,
    Generate,
    GenerateDone,
    LoadDone,
    LoadLora,
    LoadModel,
    Message,
    ReloadWeights,
    Render,
    RenderDone,
    Reply,
    RequestFailure,
    SampleDone,
    ScoreReferences,
)
from watcher.model import Reason, UimonError
from watcher.system.lifeline import child_arguments, end_group_with, join_parent

_PROGRESS_SECONDS = 1.0
_FLUSH_SECONDS = 10.0
_DOING = {
    CheckArguments: ("Reading the engine's arguments failed", Reason.ENGINE_ERROR),
    Render: ("Rendering the prompts failed", Reason.ENGINE_ERROR),
    LoadModel: ("Starting vLLM failed", Reason.ENGINE_START),
    ReloadWeights: ("Changing the weights in place failed", Reason.ENGINE_ERROR),
    LoadLora: ("Loading the adapter failed", Reason.ENGINE_ERROR),
    Generate: ("Generating failed", Reason.ENGINE_ERROR),
    ScoreReferences: ("Measuring perplexity failed", Reason.ENGINE_ERROR),
}


class Host:
    """Answers requests; `_engine` is built by the first `LoadModel` and never replaced."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._outbox: queue.SimpleQueue[Reply | None] = queue.SimpleQueue()
        # A thread of its own: a reader that is busy scoring must not stop the engine once the socket is full.
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()
        self._engine: VllmRunner | None = None
        self._request: Message | None = None
        self._steps = 0
        self._reported = 0.0

    def serve(self) -> None:
        """Answer until the parent closes its end."""
        while True:
            try:
                self._request = self._channel.receive()
            except EOFError:
                return
            self._steps = 0
            try:
                self._answer(self._request)
            except UimonError as error:
                self._outbox.put(RequestFailure(error.reason, error.sentence, fatal=False))

    def fail(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """`sys.excepthook`: tell the parent, leave the traceback in the log, end."""
        traceback.print_exception(kind, error, trace)
        doing, otherwise = _DOING.get(type(self._request), ("The engine host failed", Reason.ENGINE_ERROR))
        reason = reason_of(error, otherwise)
        fits = fitting_context(error) if reason is Reason.OUT_OF_MEMORY else 0
        self._outbox.put(RequestFailure(reason, sentence_of(error, reason, doing), fatal=True, fits=fits))
        self._outbox.put(None)
        self._writer.join(_FLUSH_SECONDS)
        sys.stderr.flush()
        # Not sys.exit: threads of a broken engine may never end, and its workers must not outlive it.
        os._exit(1)

    def _write(self) -> None:
        while (reply := self._outbox.get()) is not None:
            try:
                self._channel.send(reply)
            except OSError:
                return

    def _answer(self, request: Message) -> None:
        match request:
            case CheckArguments():
                self._outbox.put(CheckArgumentsDone(plain(parse_arguments(request.text))))
            case Render():
                self._outbox.put(RenderDone(render(request, _context(request))))
            case LoadModel():
                self._start(request)
            case ReloadWeights():
                self._running.reload(request.path, request.version)
                self._loaded(self._running)
            case LoadLora():
                self._running.adapt(request.path, request.number)
                self._loaded(self._running)
            case Generate():
                count = 0
                for generation in self._running.generate(request.prompts, request.sampling, request.stop_ids):
                    count += 1
                    self._outbox.put(SampleDone(generation))
                self._outbox.put(GenerateDone(count))
            case ScoreReferences():
                self._outbox.put(self._running.measure(request.prompts))
            case _:
                raise TypeError(f"not a request: {request.op}")

    def _start(self, request: LoadModel) -> None:
        from pathlib import Path

        checked = check_complete(Path(str(request.args["model"])))
        args = {**request.args, **parse_arguments(request.extra)}
        self._engine = VllmRunner(args, request.extra, request.version, self._progress)
        self._loaded(self._engine, checked=checked)

    def _loaded(self, engine: VllmRunner, *, checked: bool = True) -> None:
        self._outbox.put(LoadDone(engine.probe(), engine.setup, checked, engine.otherwise, engine.compared))

    @property
    def _running(self) -> VllmRunner:
        if self._engine is None:
            raise UimonError(Reason.ENGINE_ERROR, "No weights are loaded; load a checkpoint first.")
        return self._engine

    def _progress(self) -> None:
        """Tell the parent that the scheduler moves, at most once a second."""
        self._steps += 1
        now = time.monotonic()
        if now - self._reported >= _PROGRESS_SECONDS:
            self._reported = now
            self._outbox.put(EngineProgress(self._steps))


def _context(request: Render) -> int:
    """The context that vLLM will give the model, in tokens."""
    from vllm.engine.arg_utils import EngineArgs

    with configuration_of(request.model_dir) as directory:
        args = EngineArgs(
            model=str(directory),
            config_format="hf",
            tokenizer=str(request.tokenizer),
            max_model_len=request.max_model_len,
            trust_remote_code=False,
            enforce_eager=True,
        )
        return int(args.create_model_config().max_model_len)


def _leave_guardian(lifeline: int, *others: int) -> None:
    """Leave a process behind that kills this group when the parent is gone, where the kernel does not do that.

    Only these two ways reach vLLM's EngineCore, which would otherwise outlive this process and keep the GPU's memory.
    `others` are file descriptors that the guardian must not hold open. It holds `lifeline`: as long as one of the two
    lives, the kernel has whom to kill.
    """
    if os.fork():
        return
    for other in others:
        os.close(other)
    end_group_with(lifeline)


def main() -> None:
    """Serve the parent until it hangs up."""
    parser = child_arguments()
    parser.add_argument("--nice", type=int, required=True)
    options = parser.parse_args()
    # Before anything starts a thread: a fork beside threads may deadlock.
    _leave_guardian(options.lifeline, options.socket)
    lines = join_parent(options)
    os.nice(options.nice)
    host = Host(Channel(lines))
    sys.excepthook = host.fail
    host.serve()
    # At the parent's end of the conversation there is nothing left to save, and exit handlers can hang.
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
