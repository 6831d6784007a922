"""Settings: one typed model; flags win over the environment (`UIMON_…`), that over `uimon.toml`, that over defaults.

Every field's docstring is its documentation: what it means, its unit, and how it acts with others.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from watcher.alerts.settings import AlertSettings
from watcher.model import Reason, UimonError
from watcher.settings.arguments import shown
from watcher.settings.bounds import BOUNDS
from watcher.settings.durations import parse_duration
from watcher.settings.validators import of, require_texts


def _pairs(value: Any) -> Any:
    """`prompt=ask,completion=html` as a dictionary; raises ValueError for text of another kind."""
    if not isinstance(value, str):
        return value
    pairs = [pair.partition("=") for pair in value.split(",") if pair.strip()]
    if not all(name.strip() and own.strip() for name, _, own in pairs):
        raise ValueError("write it as prompt=ask,completion=html")
    return {name.strip(): own.strip() for name, _, own in pairs}


def _names(value: Any) -> Any:
    """`shadcn,globals.css` as a list."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


def _require_address(value: SecretStr) -> SecretStr:
    """Raises ValueError for what is no address of a web server; its own text stays out of the message."""
    address = value.get_secret_value()
    try:
        parts = urlsplit(address)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one or not address.isprintable() or " " in address:
        raise ValueError("give an address that begins with https:// or http://")
    return value


DEFAULT_FILE = Path("uimon.toml")


class Settings(BaseSettings):
    """Everything that `uimon watch` and `uimon eval` can be told."""

    model_config = SettingsConfigDict(
        env_prefix="UIMON_", extra="forbid", use_attribute_docstrings=True, env_parse_none_str="none"
    )

    # What is watched, and where it is logged.
    run_id: str | None = None
    """The trainer's W&B run: its id, `entity/project/id`, or its URL, whose host then is the server, whatever
    `WANDB_BASE_URL` says. Default: `WANDB_RUN_ID`."""
    project: str | None = None
    """W&B project, where the run id does not name one. Default: the one in the run's own files on this machine, else
    `WANDB_PROJECT`, else `huggingface`."""
    entity: str | None = None
    """W&B entity (user or team). Default: `WANDB_ENTITY`, else the key's own default entity."""
    wandb: Literal["auto", "shared", "deferred", "off"] = "auto"
    """`auto` joins a run whose trainer is in W&B's shared mode, and is `deferred` beside any other; `shared` says that
    it is in that mode; `deferred` writes into the run once that has ended, and into a companion run until then; `off`
    logs nothing."""
    settle: Annotated[float, BeforeValidator(parse_duration), of(BOUNDS["settle"])] = 45.0
    """How long a run must have stayed ended before deferred rows are written into it; six times that for one which
    W&B calls crashed, since it may only have lost its network. An hour without a heartbeat is enough for both."""

    pattern: str | None = None
    """How checkpoint directories are named, with `{step}` in the place of the step, as in `iter_{step}`. Default: the
    usual trainers' ways."""
    adopt_earlier: bool = False
    """Evaluate also what other trainings have left in the directory, for this run: to fill a run of one's own with the
    checkpoints of an old directory. Without it they are skipped as `earlier_run`."""
    policy: str = "all"
    """Which checkpoints are evaluated when training is faster: `all` in turn; `latest`, the newest first and older
    ones while nothing newer waits; `every:K`, one in at least K steps. The final one always is."""

    # Prompts, and how samples are drawn. All of it is part of the suite: a change starts a new suite.
    val: Path | None = None
    """Validation prompts: JSON lines, a JSON array, CSV or parquet, packed or not. Default: the `val.jsonl`, or the
    one file with another usual name, next to the checkpoints or in the current directory."""
    val_format: str | None = None
    """What the rows of the file are, where `auto` does not see it or there are two ways to take them: `chat`,
    `sharegpt`, `sharegpt-as-is`, `pair`, `pair-chat`, `alpaca`, `alpaca-text`, `openorca`, `query-response`,
    `preference`, `prompt`, `text`, or `text:MARKER`, where the marker ends the prompt in each text."""
    val_keys: Annotated[dict[str, str], NoDecode, BeforeValidator(_pairs)] = {}
    """The file's own columns, and keys and roles of its messages, by their usual names: `prompt=ask,completion=html`,
    or `messages=dialog,role=speaker,content=said,role.user=client`."""
    samples: Annotated[int, of(BOUNDS["samples"])] = 64
    """Prompts evaluated at each checkpoint: the first usable ones of the file."""
    max_tokens: Annotated[int, of(BOUNDS["max_tokens"])] | None = None
    """Longest completion, in tokens. Default: 8192, or what the context leaves after the prompt, or what the engine's
    cache holds."""
    temperature: Annotated[float, of(BOUNDS["temperature"])] = 0.7
    """Sampling temperature; 0 is greedy, 2 is vLLM's limit."""
    top_p: Annotated[float, of(BOUNDS["top_p"])] = 1.0
    """Nucleus sampling's probability mass."""
    n: Annotated[int, of(BOUNDS["n"])] = 1
    """Completions for each prompt. With `temperature` 0 they are all the same."""
    seed: Annotated[int, of(BOUNDS["seed"])] = 0
    """Every sample's own seed is derived from this one, its prompt and its index."""
    system: str | None = None
    """System message for prompts that bring none of their own."""
    tokenizer: Path | None = None
    """Directory of the tokenizer and its chat template. Default: the first complete checkpoint's."""
    chat_template: Path | None = None
    """File with a Jinja chat template that replaces the tokenizer's."""
    chat_template_kwargs: dict[str, Any] = {}
    """Extra variables for the chat template, as JSON, e.g. `{"enable_thinking": false}`."""

    scorers: list[str] = []
    """Plug-in scorers beside uimon's own: names (`legacy`, or what installed packages register) or `FILE.py:NAME`."""

    theme: Annotated[list[str], NoDecode, BeforeValidator(_names)] = []
    """The theme that the model writes against, for names whose color its answers do not define: `shadcn`, and style
    sheets or Tailwind configurations, which are read and not run. Of several, the first that defines a name wins, and
    `shadcn` is below files. What an answer defines itself goes before it. Part of the suite."""

    # Adapters.
    base: str | None = None
    """Base model of LoRA checkpoints: a directory, or a cached Hugging Face name, `NAME@REVISION` for another revision
    than the adapter's. Default: the adapter's own."""
    baseline: bool = False
    """Evaluate the base model too, as step 0."""

    # The engine and its GPU.
    gpu: str | None = None
    """GPU of the engine: an index into CUDA_VISIBLE_DEVICES as inherited, or a UUID; one for each of
    `tensor_parallel`, with commas. Default: the emptiest ones."""
    share_gpu: bool = False
    """Take the GPU although another process holds more than 1 GiB on it."""
    tensor_parallel: Annotated[int, of(BOUNDS["tensor_parallel"])] = 1
    """GPUs that share the model, where one is too small for it."""
    swap: Literal["auto", "warm", "cold", "lora"] = "auto"
    """How the next checkpoint gets into the engine. `auto` swaps the weights in place, except in kinds of models for
    which that is known to go wrong; `warm` tries it with those too. Both compare the first swap with a fresh engine,
    and use fresh engines where it differs. `cold` starts a fresh engine each time. `lora` is `auto`, but fails
    adapters that would have to be merged into their base."""
    engine_args: str = ""
    """Any other arguments of vLLM's engine, as `vllm serve` takes them. Part of the suite."""
    max_num_seqs: Annotated[int, of(BOUNDS["max_num_seqs"])] | None = None
    """Samples generated at the same time. Default: what the GPU's memory holds, at most 256."""
    max_model_len: Annotated[int, of(BOUNDS["max_model_len"])] | None = None
    """Context, in tokens. Default: what the prompts and their answers need, at most the model's."""
    dtype: str = "auto"
    """Precision of the engine: `auto`, `bfloat16`, `float16` or `float32`."""
    gpu_memory_utilization: Annotated[float, of(BOUNDS["gpu_memory_utilization"])] | None = None
    """Share of the GPU's memory that vLLM may take. Default: vLLM's."""

    # The service.
    state_dir: Path | None = None
    """Ledger, JSONL and logs, on a disk of this machine. Default: `<run id>` below `$XDG_STATE_HOME/uimon`
    (`~/.local/state/uimon`), or, with `--wandb off`, `<directory>-<hash of its path>`."""
    keep_samples: str = "all"
    """Of which evaluations the model's answers are kept: `all`; `last:K`, the K newest; `none`. The figures of the
    others stay, and so do their rows with their tables; they cannot be scored anew."""
    stage: Literal["auto", "none", "link", "reflink", "copy"] = "auto"
    """How a checkpoint is kept from the trainer's rotation until it is evaluated. `auto`: an idle engine that has taken
    two reads it in place; what has to wait is cloned where the file system can (`reflink`), else copied. `copy` copies;
    `link` makes hard links (same file system and mount); `none` reads in place whenever its turn comes. What is in
    place or linked is compared with its inspection after loading, and skipped where it has changed."""
    stage_dir: Path | None = None
    """What is staged of the checkpoints that wait. Default: `stage` in the state directory."""
    stage_budget_gb: Annotated[float, of(BOUNDS["stage_budget_gb"])] | None = None
    """Most that all staged checkpoints may take together, in GB. A further one waits at the trainer's until there is
    room; with `--policy latest` the oldest is given up for it. Default: what the disk holds."""
    disk_floor_gb: Annotated[float, of(BOUNDS["disk_floor_gb"])] = 2.0
    """Free space that is to stay on the disk of the stage directory, in GB: nothing is staged that would leave less,
    and what is staged is given up, the oldest first, when others leave less."""
    poll: Annotated[float, BeforeValidator(parse_duration), of(BOUNDS["poll"])] = 5.0
    """Longest time between two looks at the directory; file events wake it earlier."""
    once: bool = False
    """Evaluate what is there, publish, and exit."""
    until_final: bool = False
    """Exit after the final checkpoint (`global_step >= max_steps`), or when the run has ended at W&B."""
    idle_exit: Annotated[float, BeforeValidator(parse_duration), of(BOUNDS["idle_exit"])] = 6 * 3600.0
    """Exit when nothing new came for this long, so that a GPU does not wait for days; 0 waits for ever."""
    grace: Annotated[float, BeforeValidator(parse_duration), of(BOUNDS["grace"])] = 120.0
    """How long after the run's end at W&B a last checkpoint is waited for."""
    drain_timeout: Annotated[float, BeforeValidator(parse_duration), of(BOUNDS["drain_timeout"])] = 60.0
    """How long the exit waits for a webhook and a command, and at the same time for rows that are not yet in the run:
    for so long none of them gets on. What the webhook and the run have not got by then stays in the ledger."""
    webhook: Annotated[SecretStr, AfterValidator(_require_address)] | None = None
    """Address that is sent each early warning as JSON by POST, with a `text` as Slack shows it, and again when it is
    over."""
    on_alert: str | None = None
    """Shell command that is run once for each early warning, which it gets as JSON on standard input and in
    `UIMON_ALERT`. Whatever it does to the trainer is its own doing: by itself uimon never acts."""
    alerts: AlertSettings = AlertSettings()
    """When an early warning is raised: the table `[alerts]`."""
    table_rows: Annotated[int, of(BOUNDS["table_rows"])] = 8
    """Rows of `eval/sample_generations` for each checkpoint."""
    serve: str | None = None
    """HOST:PORT on which `/healthz` answers 200 while the service's loop runs, 503 where it hangs. Default: nowhere."""
    log_format: Literal["text", "json"] = "text"
    """`json` writes each line of the log as one JSON object: `time`, `level`, `message`."""
    table_kb: Annotated[int, of(BOUNDS["table_kb"])] = 1000
    """Most that the rows of one checkpoint's table may take, in kB; further rows are left out, and that is said."""

    @field_validator("*")
    @classmethod
    def _usable(cls, value: Any) -> Any:
        return require_texts(value)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then the environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def run_name(self) -> str | None:
        """The run as the user named it, or as `WANDB_RUN_ID` does."""
        return self.run_id or os.environ.get("WANDB_RUN_ID") or None


def load_settings(flags: dict[str, Any], config: Path | None = None) -> Settings:
    """The settings in force. `flags` holds what the command line gave; None means not given.

    `config` is the file to read; without it `uimon.toml` in the current directory is read where there is one.
    Raises UimonError(CONFIG_INVALID) with a sentence that names the setting, its value and what is allowed.
    """
    path = config or DEFAULT_FILE
    if config is not None and not config.is_file():
        why = "is no file" if config.exists() else "does not exist"
        raise UimonError(Reason.CONFIG_INVALID, f"The configuration file {config} {why}; check --config.")

    given = {name: value for name, value in flags.items() if value is not None}
    try:
        # What is neither a file nor absent would be waited for, or be read for ever.
        return _settings_from(path if path.is_file() else None)(**given)
    except ValidationError as error:
        raise UimonError(Reason.CONFIG_INVALID, _explain(error)) from None
    except SettingsError as error:
        named = re.search('field "(.*?)"', str(error))
        variable = f"UIMON_{named[1].upper()}" if named else "The environment"
        raise UimonError(Reason.CONFIG_INVALID, f"{variable} cannot be read; give its value as JSON.") from None
    except (OSError, ValueError) as error:
        raise UimonError(Reason.CONFIG_INVALID, f"{path} cannot be read as TOML: {error}.") from None
    except RecursionError:
        sentence = "The settings are nested too deeply to be read; give fewer levels of brackets."
        raise UimonError(Reason.CONFIG_INVALID, sentence) from None


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Variables that look like settings and are none, as a slip of the pen leaves them.

    >>> unknown_variables({"UIMON_SAMPELS": "8", "UIMON_SAMPLES": "8", "UIMON_PORT_80_TCP": "x", "UIMON_ALERT": "x"})
    ['UIMON_SAMPELS']
    """
    known = {f"UIMON_{name.upper()}" for name in Settings.model_fields}
    # What uimon gives to commands, and Kubernetes to the pods beside a service of this name.
    others = re.compile("UIMON_(ALERT|ALERT_RULE|ALERT_LEVEL|CRASH_AT|SERVICE_.*|PORT|PORT_.*)")
    named = (name for name in environ if name.upper().startswith("UIMON_"))
    return sorted(name for name in named if name.upper() not in known and not others.fullmatch(name.upper()))


@cache
def _settings_from(path: Path | None) -> type[Settings]:
    """The settings that also read this file. It is read at each load, the model made once."""

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    return FromFile


_KINDS = {
    **dict.fromkeys(("list_type", "tuple_type"), "give a list"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "give a table"),
    "string_type": "give a text",
}
"""What is to be given, by pydantic's name for what is wrong."""


def _explain(error: ValidationError) -> str:
    """One sentence for the first thing that is wrong; the rest would only bury it."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        lists = "docs/configuration.md" if name.startswith("alerts.") else "`uimon watch --help`"
        return f"There is no setting called {name!r}; {lists} lists them."
    if name == "webhook":
        return f"The setting webhook cannot be used: {first['msg'].removeprefix('Value error, ')}."
    trouble = _KINDS.get(first["type"]) or first["msg"].removeprefix("Value error, ").rstrip(".")
    bound = BOUNDS.get(name)
    allowed = f"; {bound.said} are allowed" if bound and bound.said not in trouble else ""
    return f"The setting {name} cannot be {shown(first['input'])}: {trouble}{allowed}."
