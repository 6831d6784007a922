"""The command line: names, options and help. What a command does is imported when it runs, so that help is quick."""

from __future__ import annotations

import errno
import io
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from watcher.settings.bounds import BOUNDS

# Neither typer nor the click in it exports the errors that name an argument, an option or a command.
_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]


class _Group(TyperGroup):
    """`uimon` itself: what is wrong with the arguments is one sentence, as everything else is."""

    def main(self, *args: Any, **extra: Any) -> Any:
        standalone = extra.pop("standalone_mode", True)
        extra["standalone_mode"] = False
        try:
            code = super().main(*args, **extra)
        except _USAGE_ERROR as error:
            if not standalone:
                raise
            _usage(error)
            code = 2
        except typer.Abort:
            if not standalone:
                raise
            code = 130
        if not standalone:
            return code
        sys.exit(code if isinstance(code, int) else 0)


class _Command(TyperCommand):
    """A command of `uimon`: nothing runs with an argument that no file system and no text can hold."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        from watcher.settings.arguments import require_usable

        _exit(lambda: require_usable(self.params, ctx.params), debug=False, last=False)
        return super().invoke(ctx)


app = typer.Typer(
    name="uimon",
    cls=_Group,
    help="Watches a trainer's checkpoints, scores the UI code they write, and logs it into the same W&B run.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    epilog="Exit codes: 0 done, 1 something failed and is named, 2 wrong usage or configuration.",
)

_command = partial(app.command, cls=_Command)

_RUN = "The run and how to log into it"
_PROMPTS = "Prompts and sampling (a change starts a new suite)"
_ADAPTERS = "LoRA"
_ENGINE = "Engine and GPU"
_SERVICE = "Service"
_SCORER = (
    "Plug-in scorer beside uimon's own: legacy, an installed one's name, or FILE.py:NAME; several times for several."
)

_THEME = "Theme the model writes against: shadcn, a .css file or a tailwind.config.js; several times for several."


def _option(help_text: str, panel: str, *names: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=help_text, rich_help_panel=panel, metavar=metavar, show_default=False)


def _number(setting: str, what: str, default: str, panel: str, metavar: str = "NUMBER") -> Any:
    """An option for a number or a length of time, which `Settings` reads; help names its bounds."""
    return _option(f"{what}; {BOUNDS[setting].said}. [default: {default}]", panel, metavar=metavar)


RunId = Annotated[
    str | None,
    _option(
        "W&B run of the trainer: id, entity/project/id or URL. [default: $WANDB_RUN_ID, or found by CKPTS]",
        _RUN,
    ),
]
Project = Annotated[str | None, _option("W&B project. [default: $WANDB_PROJECT, else huggingface]", _RUN)]
Entity = Annotated[str | None, _option("W&B user or team. [default: $WANDB_ENTITY, else the key's own]", _RUN)]
Wandb = Annotated[
    str | None,
    _option(
        "auto, shared (the trainer is in shared mode), deferred (write when the run has ended), off. [default: auto]",
        _RUN,
        metavar="MODE",
    ),
]
Val = Annotated[
    Path | None,
    _option("Validation prompts: JSON, CSV, parquet. [default: val.jsonl next to CKPTS, or here]", _PROMPTS),
]
ValFormat = Annotated[
    str | None,
    _option("What its rows are, e.g. alpaca-text or 'text:### Response:'. [default: auto]", _PROMPTS, metavar="NAME"),
]
ValKeys = Annotated[
    str | None,
    _option("Its own columns, e.g. prompt=ask,completion=html. [default: the usual ones]", _PROMPTS, metavar="PAIRS"),
]
Samples = Annotated[str | None, _number("samples", "Prompts at each checkpoint, the first usable ones", "64", _PROMPTS)]
MaxTokens = Annotated[
    str | None, _number("max_tokens", "Longest completion", "8192, at most what the context leaves", _PROMPTS)
]
N = Annotated[str | None, _number("n", "Completions for each prompt", "1", _PROMPTS)]
Temperature = Annotated[str | None, _number("temperature", "0 is greedy", "0.7", _PROMPTS)]
TopP = Annotated[str | None, _number("top_p", "Nucleus sampling", "1", _PROMPTS)]
Seed = Annotated[
    str | None, _option("Every sample's seed is derived from it; 64 bits. [default: 0]", _PROMPTS, metavar="NUMBER")
]
System = Annotated[str | None, _option("System message for prompts that have none.", _PROMPTS)]
Tokenizer = Annotated[Path | None, _option("Tokenizer directory. [default: the first complete checkpoint]", _PROMPTS)]
ChatTemplate = Annotated[Path | None, _option("Jinja file. [default: the tokenizer's template]", _PROMPTS)]
TemplateArgs = Annotated[
    str | None, _option("Template variables, e.g. '{\"enable_thinking\": false}'.", _PROMPTS, metavar="JSON")
]
Base = Annotated[str | None, _option("Base model of LoRA checkpoints. [default: the one the adapter names]", _ADAPTERS)]
Baseline = Annotated[bool | None, _option("Evaluate the base model too, as step 0.", _ADAPTERS, "--baseline")]
Gpu = Annotated[
    str | None,
    _option(
        "Index into CUDA_VISIBLE_DEVICES, or UUID; one for each of --tensor-parallel. [default: the emptiest]", _ENGINE
    ),
]
TensorParallel = Annotated[str | None, _number("tensor_parallel", "GPUs that share the model", "1", _ENGINE)]
EngineArgs = Annotated[
    str | None,
    _option("More arguments of vLLM, e.g. '--kv-cache-dtype fp8'. Part of the suite.", _ENGINE, metavar="TEXT"),
]
ShareGpu = Annotated[bool | None, _option("Take the GPU although somebody uses it.", _ENGINE, "--share-gpu")]
Swap = Annotated[
    str | None,
    _option(
        "auto, warm (swap weights), cold (new engine each time) or lora (never merge). [default: auto]",
        _ENGINE,
        metavar="MODE",
    ),
]
MaxNumSeqs = Annotated[str | None, _number("max_num_seqs", "Samples generated at the same time", "what fits", _ENGINE)]
MaxModelLen = Annotated[str | None, _number("max_model_len", "Context in tokens", "what the prompts need", _ENGINE)]
Dtype = Annotated[str | None, _option("auto, bfloat16, float16 or float32. [default: auto]", _ENGINE)]
GpuMemory = Annotated[
    str | None, _number("gpu_memory_utilization", "Share of the GPU's memory for vLLM", "vLLM's", _ENGINE)
]
Scorers = Annotated[
    list[str] | None,
    _option(_SCORER, _PROMPTS, "--scorer", metavar="NAME"),
]
ThemeNames = Annotated[
    list[str] | None,
    _option(_THEME, _PROMPTS, "--theme", metavar="NAME"),
]
StateDir = Annotated[Path | None, _option("Ledger, JSONL, logs. [default: ~/.local/state/uimon/RUN]", _SERVICE)]
KeepSamples = Annotated[
    str | None,
    _option("Whose answers are kept: all, last:K (the newest), none. [default: all]", _SERVICE, metavar="WHICH"),
]
Stage = Annotated[
    str | None,
    _option("How checkpoints that wait are kept: auto, none, link, reflink, copy. [default: auto]", _SERVICE),
]
StageDir = Annotated[Path | None, _option("Where they are kept. [default: STATE_DIR/stage]", _SERVICE)]
StageBudget = Annotated[str | None, _number("stage_budget_gb", "Most that they may take", "no limit", _SERVICE)]
DiskFloor = Annotated[str | None, _number("disk_floor_gb", "Free disk that they leave alone", "2", _SERVICE)]
Settle = Annotated[
    str | None,
    _number(
        "settle",
        "How long a run must have ended before deferred rows go into it",
        "45s; crashed: six times that",
        _RUN,
        "TIME",
    ),
]
TableKb = Annotated[str | None, _number("table_kb", "Size of that table at most", "1000", _SERVICE)]
TableRows = Annotated[str | None, _number("table_rows", "Rows of eval/sample_generations a checkpoint", "8", _SERVICE)]
DrainTimeout = Annotated[
    str | None,
    _number("drain_timeout", "The exit waits this long without progress", "60s", _SERVICE, "TIME"),
]
ConfigFile = Annotated[Path | None, _option("Settings as TOML. [default: ./uimon.toml if there is one]", _SERVICE)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks and debug messages.")]


@_command()
def watch(
    ckpts: Annotated[
        Path, typer.Argument(help="The directory in which the trainer leaves checkpoint-N.", metavar="CKPTS")
    ],
    run_id: RunId = None,
    project: Project = None,
    entity: Entity = None,
    wandb: Wandb = None,
    settle: Settle = None,
    val: Val = None,
    val_format: ValFormat = None,
    val_keys: ValKeys = None,
    samples: Samples = None,
    max_tokens: MaxTokens = None,
    n: N = None,
    temperature: Temperature = None,
    top_p: TopP = None,
    seed: Seed = None,
    system: System = None,
    tokenizer: Tokenizer = None,
    chat_template: ChatTemplate = None,
    chat_template_kwargs: TemplateArgs = None,
    scorers: Scorers = None,
    theme: ThemeNames = None,
    base: Base = None,
    baseline: Baseline = None,
    gpu: Gpu = None,
    share_gpu: ShareGpu = None,
    tensor_parallel: TensorParallel = None,
    swap: Swap = None,
    max_num_seqs: MaxNumSeqs = None,
    max_model_len: MaxModelLen = None,
    dtype: Dtype = None,
    gpu_memory_utilization: GpuMemory = None,
    engine_args: EngineArgs = None,
    state_dir: StateDir = None,
    keep_samples: KeepSamples = None,
    stage: Stage = None,
    stage_dir: StageDir = None,
    stage_budget_gb: StageBudget = None,
    disk_floor_gb: DiskFloor = None,
    pattern: Annotated[
        str | None,
        _option("Names of checkpoints, e.g. 'iter_{step}'. [default: the usual trainers']", _SERVICE, metavar="TEXT"),
    ] = None,
    adopt_earlier: Annotated[
        bool | None,
        _option("Evaluate for this run also what earlier ones left in CKPTS.", _SERVICE, "--adopt-earlier"),
    ] = None,
    policy: Annotated[
        str | None,
        _option("all, latest (newest first) or every:K (one in K steps). [default: all]", _SERVICE, metavar="POLICY"),
    ] = None,
    poll: Annotated[str | None, _number("poll", "Longest time between two looks", "5s", _SERVICE, "TIME")] = None,
    once: Annotated[bool | None, _option("Evaluate what is there, publish, exit.", _SERVICE, "--once")] = None,
    until_final: Annotated[
        bool | None, _option("Exit after the final checkpoint, or when the run has ended.", _SERVICE, "--until-final")
    ] = None,
    idle_exit: Annotated[
        str | None,
        _number("idle_exit", "Exit when nothing new came for this long; 0: never", "6h", _SERVICE, "TIME"),
    ] = None,
    grace: Annotated[
        str | None,
        _number("grace", "Wait this long for a last checkpoint of an ended run", "2m", _SERVICE, "TIME"),
    ] = None,
    drain_timeout: DrainTimeout = None,
    table_rows: TableRows = None,
    table_kb: TableKb = None,
    serve: Annotated[
        str | None, _option("Answer /healthz there. [default: nowhere]", _SERVICE, metavar="HOST:PORT")
    ] = None,
    webhook: Annotated[
        str | None, _option("Address that is sent early warnings as JSON. [default: none]", _SERVICE, metavar="URL")
    ] = None,
    on_alert: Annotated[
        str | None, _option("Shell command run for each early warning. [default: none]", _SERVICE, metavar="CMD")
    ] = None,
    log_format: Annotated[str | None, _option("text or json. [default: text]", _SERVICE, metavar="FORMAT")] = None,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Watch a training run: evaluate each new checkpoint and log it into the trainer's own W&B run."""
    flags = _settings_of(locals(), "ckpts")
    from watcher.cli.watch import run_watch

    _exit(lambda: run_watch(ckpts, flags, config, debug=debug), debug)


@_command(name="eval")
def evaluate(
    ckpts: Annotated[list[Path], typer.Argument(help="Checkpoint directories.", metavar="CKPT...")],
    run_id: RunId = None,
    project: Project = None,
    entity: Entity = None,
    wandb: Wandb = None,
    settle: Settle = None,
    val: Val = None,
    val_format: ValFormat = None,
    val_keys: ValKeys = None,
    samples: Samples = None,
    max_tokens: MaxTokens = None,
    n: N = None,
    temperature: Temperature = None,
    top_p: TopP = None,
    seed: Seed = None,
    system: System = None,
    tokenizer: Tokenizer = None,
    chat_template: ChatTemplate = None,
    chat_template_kwargs: TemplateArgs = None,
    scorers: Scorers = None,
    theme: ThemeNames = None,
    base: Base = None,
    baseline: Baseline = None,
    gpu: Gpu = None,
    share_gpu: ShareGpu = None,
    tensor_parallel: TensorParallel = None,
    swap: Swap = None,
    max_num_seqs: MaxNumSeqs = None,
    max_model_len: MaxModelLen = None,
    dtype: Dtype = None,
    gpu_memory_utilization: GpuMemory = None,
    engine_args: EngineArgs = None,
    state_dir: StateDir = None,
    keep_samples: KeepSamples = None,
    stage: Stage = None,
    stage_dir: StageDir = None,
    stage_budget_gb: StageBudget = None,
    disk_floor_gb: DiskFloor = None,
    drain_timeout: DrainTimeout = None,
    table_rows: TableRows = None,
    table_kb: TableKb = None,
    config: ConfigFile = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Evaluate checkpoints once, without watching; logs to W&B only with --run-id."""
    flags = _settings_of(locals(), "ckpts", "json")
    from watcher.cli.evaluate import run_eval

    _exit(lambda: run_eval(ckpts, flags, config, as_json=json, debug=debug), debug)


@_command()
def score(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Files (.html .jsx .tsx .vue .svelte .astro .md .txt; rows in JSON, CSV, parquet), directories, or -.",
            metavar="FILE|DIR|-",
        ),
    ],
    project: Annotated[
        bool,
        typer.Option("--project", help="Each directory is one app: its pages, components, styles and configuration."),
    ] = False,
    key: Annotated[
        str | None,
        typer.Option(
            "--key", help="Key of a row's text, e.g. predict or a.b.0.c. [default: recognized]", metavar="NAME"
        ),
    ] = None,
    scorers: Annotated[
        list[str] | None,
        typer.Option("--scorer", help=_SCORER, metavar="NAME"),
    ] = None,
    theme: Annotated[
        list[str] | None,
        typer.Option("--theme", help=_THEME, metavar="NAME"),
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Score completions that exist already; needs no GPU and no torch. Exits 0 whatever it finds in them."""
    from watcher.cli.score.command import run_score

    _exit(lambda: run_score(paths, scorers or (), key, theme or (), project=project, as_json=json), debug)


@_command()
def status(
    run: Annotated[
        str | None, typer.Argument(help="Run id. [default: the newest run on this machine]", metavar="[RUN]")
    ] = None,
    state_dir: StateDir = None,
    best: Annotated[bool, typer.Option("--best", help="Name the best checkpoint, and those as good.")] = False,
    best_by: Annotated[
        str | None,
        typer.Option(
            help="The same by these criteria, the most important first. [default: validity,perplexity,diversity]",
            metavar="CRITERIA",
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            help="Compare the newest step with this step (0: the base model), or with another run's STATE_DIR.",
            metavar="STEP|STATE_DIR",
        ),
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what the ledger knows of each checkpoint, and early warnings; works beside a running watcher."""
    from watcher.cli.status import run_status

    _exit(lambda: run_status(run, state_dir, best=best, best_by=best_by, baseline=baseline, as_json=json), debug)


@_command()
def retry(
    step: Annotated[str, typer.Argument(help="A step, or `all`.", metavar="STEP|all")],
    run: Annotated[
        str | None, typer.Option("--run-id", help="Run id. [default: the newest run on this machine]")
    ] = None,
    state_dir: StateDir = None,
    debug: Debug = False,
) -> None:
    """Take failed and skipped checkpoints up again; a running watcher does so at its next look."""
    from watcher.cli.retry import run_retry

    _exit(lambda: run_retry(step, run, state_dir), debug)


@_command()
def rescore(
    run: Annotated[
        str | None, typer.Argument(help="Run id. [default: the newest run on this machine]", metavar="[RUN]")
    ] = None,
    step: Annotated[str, typer.Option("--step", help="A step, or `all`.", metavar="STEP|all")] = "all",
    scorers: Annotated[
        list[str] | None,
        typer.Option("--scorer", help=_SCORER, metavar="NAME"),
    ] = None,
    theme: Annotated[
        list[str] | None,
        typer.Option("--theme", help=_THEME, metavar="shadcn|FILE"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would come of it, and keep nothing.")] = False,
    state_dir: StateDir = None,
    drain_timeout: DrainTimeout = None,
    config: ConfigFile = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Score the stored samples anew, as after an upgrade, in a new suite; needs no engine, no GPU and no checkpoint."""
    flags = _settings_of(locals(), "run", "step", "dry_run", "json")
    from watcher.cli.rescore import run_rescore

    _exit(lambda: run_rescore(run, step, flags, config, dry_run=dry_run, as_json=json, debug=debug), debug)


@_command()
def doctor(
    ckpts: Annotated[Path | None, typer.Argument(help="The checkpoint directory.", metavar="[CKPTS]")] = None,
    run_id: RunId = None,
    project: Project = None,
    entity: Entity = None,
    val: Val = None,
    val_format: ValFormat = None,
    val_keys: ValKeys = None,
    base: Base = None,
    gpu: Gpu = None,
    share_gpu: ShareGpu = None,
    tensor_parallel: TensorParallel = None,
    state_dir: StateDir = None,
    config: ConfigFile = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Check whether this machine is ready: vLLM, GPU, W&B, files, limits, disk."""
    flags = _settings_of(locals(), "ckpts", "json")
    from watcher.cli.doctor import run_doctor

    _exit(lambda: run_doctor(ckpts, flags, config, as_json=json), debug)


@_command()
def demo(
    out: Annotated[Path, typer.Option(help="Where the demo keeps its files.")] = Path("demo-out"),
    real_wandb: Annotated[
        bool, typer.Option("--real-wandb", help="Log to the W&B account you are logged in to, not to a local stand-in.")
    ] = False,
    collapse: Annotated[
        str | None,
        typer.Option(help="Let the training go wrong half-way, to see the early warning.", metavar="blue|layout|lr"),
    ] = None,
    debug: Debug = False,
) -> None:
    """Train a tiny model on this machine's CPU and watch it: everything is real, no GPU or account needed."""
    from watcher.demo.run import plan_of, run_demo

    _exit(lambda: run_demo(out, real_wandb=real_wandb, plan=plan_of(collapse)), debug)


def _settings_of(arguments: dict[str, Any], *others: str) -> dict[str, Any]:
    """The options that are settings: those of a command that are not in `others`."""
    return {name: value for name, value in arguments.items() if name not in (*others, "config", "debug")}


def _exit(command: Any, debug: bool, *, last: bool = True) -> None:
    """Run a command and leave with its exit code; what a person can put right is one sentence, without a traceback.

    `last`: nothing follows the command where it succeeds.
    """
    from watcher.model import UimonError

    try:
        code = command()
    except UimonError as error:
        if debug:
            raise
        _tell(error.sentence)
        code = 2
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        # The reader of a pipe went away (`uimon score … | head`); there is nobody left to tell.
        sys.stderr.close()
        code = 1
    if last or code:
        raise typer.Exit(code)


def _usage(error: Any) -> None:
    """What is wrong with the arguments. Without any, help is shown already."""
    if type(error).__name__ == "NoArgsIsHelpError":
        return
    path = error.ctx.command_path if error.ctx is not None else "uimon"
    _tell(f"{error.format_message().rstrip('.')}; see `{path} --help`.")


def _tell(sentence: str) -> None:
    from watcher.output.outlet import tell
    from watcher.output.printable import printable

    tell(printable(f"uimon: {sentence}"))


def main() -> None:
    """The `uimon` command."""
    from watcher.output.outlet import nothing_more, open_missing

    open_missing()
    for stream in (sys.stdout, sys.stderr):
        # In a locale without UTF-8, a dash or a foreign letter would be a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="uimon")
    except OSError as error:
        # Those of files and directories name them.
        if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            raise
        _tell(f"The answer cannot be written ({error.strerror}); free some space, or send standard output elsewhere.")
        sys.exit(1)
    finally:
        nothing_more()
