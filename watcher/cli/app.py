"""The command line: names, options and help. What a command does is imported when it runs, so that help is quick."""

from __future__ import annotations

import errno
import io
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from watcher.cli.options import Flags, SettingsCommand, every_setting, only, taking, without_following
from watcher.settings.declaration import Panel

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


class _Command(SettingsCommand):
    """A command of `uimon`: nothing runs with an argument that no file system and no text can hold."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
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


def _say_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"uimon {version('uimon')}")
        raise typer.Exit


@app.callback()
def uimon(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """The options of `uimon` itself."""


ConfigFile = Annotated[
    Path | None,
    typer.Option(
        help="Settings as TOML. [default: ./uimon.toml if there is one]",
        rich_help_panel=Panel.SERVICE,
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks and debug messages.")]


Ckpts = Annotated[
    Path,
    typer.Argument(help="The directory where the trainer saves checkpoint-N.", metavar="CKPTS"),
]


@_command()
@taking(every_setting)
def watch(*, ckpts: Ckpts, flags: Flags, config: ConfigFile = None, debug: Debug = False) -> None:
    """Watch a training run: evaluate each new checkpoint and log it into the trainer's own W&B run."""
    from watcher.cli.watch import run_watch

    _exit(lambda: run_watch(ckpts, flags, config, debug=debug), debug)


@_command(name="eval")
@taking(without_following)
def evaluate(
    *,
    ckpts: Annotated[list[Path], typer.Argument(help="Checkpoint directories.", metavar="CKPT...")],
    flags: Flags,
    config: ConfigFile = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Evaluate checkpoints once, without watching; logs to W&B only with --run-id."""
    from watcher.cli.evaluate import run_eval

    _exit(lambda: run_eval(ckpts, flags, config, as_json=json, debug=debug), debug)


@_command()
@taking(only("scorers", "theme"))
def score(
    *,
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
    flags: Flags,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Score completions that exist already; needs no GPU and no torch. Exits 0 whatever it finds in them."""
    from watcher.cli.score.command import run_score

    _exit(
        lambda: run_score(paths, flags["scorers"] or (), key, flags["theme"] or (), project=project, as_json=json),
        debug,
    )


@_command()
@taking(only("state_dir"))
def status(
    *,
    run: Annotated[
        str | None, typer.Argument(help="Run id. [default: the newest run on this machine]", metavar="[RUN]")
    ] = None,
    flags: Flags,
    best: Annotated[bool, typer.Option("--best", help="Name the best checkpoint and those that are as good.")] = False,
    best_by: Annotated[
        str | None,
        typer.Option(
            help="Name the best by these criteria, the most important first. [default: validity,perplexity,diversity]",
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

    _exit(
        lambda: run_status(run, flags["state_dir"], best=best, best_by=best_by, baseline=baseline, as_json=json), debug
    )


@_command()
@taking(only("state_dir"))
def retry(
    *,
    step: Annotated[str, typer.Argument(help="A step, or `all`.", metavar="STEP|all")],
    run: Annotated[
        str | None, typer.Option("--run-id", help="Run id. [default: the newest run on this machine]")
    ] = None,
    flags: Flags,
    debug: Debug = False,
) -> None:
    """Evaluate failed and skipped checkpoints again; a running watcher does so at its next scan."""
    from watcher.cli.retry import run_retry

    _exit(lambda: run_retry(step, run, flags["state_dir"]), debug)


@_command()
@taking(only("scorers", "theme", "state_dir", "drain_timeout"))
def rescore(
    *,
    run: Annotated[
        str | None, typer.Argument(help="Run id. [default: the newest run on this machine]", metavar="[RUN]")
    ] = None,
    step: Annotated[str, typer.Option("--step", help="A step, or `all`.", metavar="STEP|all")] = "all",
    flags: Flags,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and store nothing.")] = False,
    config: ConfigFile = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Score the stored samples again, as after an upgrade, in a new suite; needs no engine, GPU or checkpoint."""
    from watcher.cli.rescore import run_rescore

    _exit(lambda: run_rescore(run, step, flags, config, dry_run=dry_run, as_json=json, debug=debug), debug)


@_command()
@taking(every_setting)
def doctor(
    *,
    ckpts: Annotated[Path | None, typer.Argument(help="The checkpoint directory.", metavar="[CKPTS]")] = None,
    flags: Flags,
    config: ConfigFile = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Check whether this machine is ready: vLLM, GPU, W&B, files, limits, disk.

    It takes the options of `uimon watch`, so that the command to be run is checked with `doctor` in its place.
    """
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


def _exit(command: Callable[[], int | None], debug: bool, *, last: bool = True) -> None:
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
        raise typer.Exit(code or 0)


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
