"""Settings: one typed model; flags win over the environment (`UIMON_…`), that over `uimon.toml`, that over defaults.

A setting is declared here and nowhere else. The first paragraph of its docstring is the option's help; the others say
what more there is to know: its unit, and how it acts with others.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, SecretStr, field_validator

from watcher.settings.alerts import AlertSettings
from watcher.settings.bounds import YEAR
from watcher.settings.declaration import Panel, Samples, Setting, declarations
from watcher.settings.durations import parse_duration
from watcher.settings.validators import names, pairs, require_address, require_texts, within

Seconds = Annotated[float, BeforeValidator(parse_duration), within(0, YEAR, "s")]


class Settings(BaseModel):
    """Everything that the commands can be told, in the order of help. See `declaration` for what is said of each."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    # What is watched, and where it is logged.
    run_id: Annotated[str | None, Setting(Panel.RUN, Samples.SAME, default="$WANDB_RUN_ID, or found by CKPTS")] = None
    """W&B run of the trainer: id, entity/project/id or URL.

    The host of a URL is the server, whatever `WANDB_BASE_URL` says."""
    project: Annotated[str | None, Setting(Panel.RUN, Samples.SAME, default="$WANDB_PROJECT, else huggingface")] = None
    """W&B project.

    It counts where the run id does not name one. Before `WANDB_PROJECT` comes the project in the run's own files on
    this machine."""
    entity: Annotated[str | None, Setting(Panel.RUN, Samples.SAME, default="$WANDB_ENTITY, else the key's own")] = None
    """W&B user or team."""
    wandb: Annotated[Literal["auto", "shared", "deferred", "off"], Setting(Panel.RUN, Samples.SAME, metavar="MODE")] = (
        "auto"
    )
    """auto, shared (the trainer is in shared mode), deferred (write when the run has ended), off.

    `auto` joins a run whose trainer is in W&B's shared mode, and is `deferred` beside any other. `deferred` writes into
    a companion run until the run has ended. `off` logs nothing."""
    settle: Annotated[Seconds, Setting(Panel.RUN, Samples.SAME, default="45s; crashed: six times that")] = 45.0
    """How long a run must have ended before deferred rows go into it.

    A run that W&B calls crashed may only have lost its network. An hour without a heartbeat is enough for any run."""

    # Prompts, and how samples are drawn.
    val: Annotated[Path | None, Setting(Panel.PROMPTS, Samples.OTHER, default="val.jsonl next to CKPTS, or here")] = (
        None
    )
    """Validation prompts: JSON, CSV, parquet.

    JSON is lines or an array; any of them may be compressed. Without a `val.jsonl`, uimon uses the one file with
    another usual name."""
    val_format: Annotated[str | None, Setting(Panel.PROMPTS, Samples.OTHER, metavar="NAME", default="auto")] = None
    """Shape of the validation rows, e.g. alpaca-text or 'text:### Response:'.

    It is needed where `auto` does not recognize the rows, or where there are two ways to read them: `chat`, `sharegpt`,
    `sharegpt-as-is`, `pair`, `pair-chat`, `alpaca`, `alpaca-text`, `openorca`, `query-response`, `preference`,
    `prompt`, `text`, or `text:MARKER`, where the marker ends the prompt in each text."""
    val_keys: Annotated[
        dict[str, str],
        BeforeValidator(pairs),
        Setting(Panel.PROMPTS, Samples.OTHER, metavar="PAIRS", default="the usual ones"),
    ] = {}
    """The validation file's own columns, e.g. prompt=ask,completion=html.

    Keys and roles of messages are named in the same way, as in
    `messages=dialog,role=speaker,content=said,role.user=client`."""
    samples: Annotated[int, within(1, 1_000_000), Setting(Panel.PROMPTS, Samples.OTHER)] = 64
    """Prompts at each checkpoint, the first usable ones."""
    max_tokens: Annotated[
        int | None,
        within(1, 10_000_000),
        Setting(Panel.PROMPTS, Samples.OTHER, default="8192, at most what the context leaves"),
    ] = None
    """Longest completion.

    It is counted in tokens. Without it a completion is no longer than the engine's cache holds, either."""
    n: Annotated[int, within(1, 64), Setting(Panel.PROMPTS, Samples.OTHER)] = 1
    """Completions for each prompt.

    With `temperature` 0 they are all the same."""
    temperature: Annotated[float, within(0, 2), Setting(Panel.PROMPTS, Samples.OTHER)] = 0.7
    """Sampling temperature, 0 for greedy.

    2 is vLLM's limit."""
    top_p: Annotated[float, within(0, 1, open=True), Setting(Panel.PROMPTS, Samples.OTHER)] = 1.0
    """Nucleus sampling.

    It is the probability mass that is sampled from."""
    seed: Annotated[int, within(-(2**63), 2**63 - 1), Setting(Panel.PROMPTS, Samples.OTHER)] = 0
    """Seed from which every sample's own is derived.

    Its prompt and its index are the rest of a sample's own seed."""
    system: Annotated[str | None, Setting(Panel.PROMPTS, Samples.OTHER)] = None
    """System message for prompts that have none."""
    tokenizer: Annotated[
        Path | None, Setting(Panel.PROMPTS, Samples.OTHER, default="the first complete checkpoint")
    ] = None
    """Tokenizer directory.

    uimon uses its chat template, too."""
    chat_template: Annotated[Path | None, Setting(Panel.PROMPTS, Samples.OTHER, default="the tokenizer's template")] = (
        None
    )
    """Chat template to use, a Jinja file."""
    chat_template_kwargs: Annotated[dict[str, object], Setting(Panel.PROMPTS, Samples.OTHER, metavar="JSON")] = {}
    """Template variables, e.g. '{"enable_thinking": false}'."""
    scorers: Annotated[list[str], Setting(Panel.PROMPTS, Samples.OTHER, flag="--scorer", metavar="NAME")] = []
    """Plug-in scorer beside uimon's own: legacy, an installed one's name, or FILE.py:NAME; several times for several.

    In the file and in the environment it is a list."""
    theme: Annotated[list[str], BeforeValidator(names), Setting(Panel.PROMPTS, Samples.OTHER, metavar="NAME")] = []
    """Theme the model writes against: shadcn, a .css file or a tailwind.config.js; several times for several.

    It gives the color of names that the answers do not define; what an answer defines itself goes before it. Files are
    read and not run. Of several, the first that defines a name wins, and `shadcn` is below files."""

    # Adapters.
    base: Annotated[str | None, Setting(Panel.ADAPTERS, Samples.SAME, default="the one the adapter names")] = None
    """Base model of LoRA checkpoints.

    A directory, or a cached Hugging Face name; `NAME@REVISION` for another revision than the adapter's."""
    baseline: Annotated[bool, Setting(Panel.ADAPTERS, Samples.SAME)] = False
    """Evaluate the base model too, as step 0."""

    # The engine and its GPU.
    gpu: Annotated[str | None, Setting(Panel.ENGINE, Samples.SAME, default="the emptiest")] = None
    """Index into CUDA_VISIBLE_DEVICES, or UUID; one for each of --tensor-parallel.

    CUDA_VISIBLE_DEVICES is the inherited one. Several are separated by commas."""
    share_gpu: Annotated[bool, Setting(Panel.ENGINE, Samples.SAME)] = False
    """Use the GPU although another process uses it.

    Without it, uimon refuses a GPU on which another process holds more than 1 GiB."""
    tensor_parallel: Annotated[int, within(1, 1024), Setting(Panel.ENGINE, Samples.SAME)] = 1
    """GPUs that share the model.

    For a model that is too large for one."""
    swap: Annotated[Literal["auto", "warm", "cold", "lora"], Setting(Panel.ENGINE, Samples.SAME, metavar="MODE")] = (
        "auto"
    )
    """auto, warm (swap weights), cold (new engine each time) or lora (never merge).

    `auto` swaps the weights in place, except in kinds of models for which that is known to go wrong; `warm` tries it
    with those too. Both compare the first swap with a fresh engine, and use fresh engines where it differs. `lora` is
    `auto`, but fails adapters that would have to be merged into their base."""
    max_num_seqs: Annotated[int | None, within(1, 65_536), Setting(Panel.ENGINE, Samples.SAME, default="what fits")] = (
        None
    )
    """Samples generated at the same time.

    Without it as many as the GPU's memory holds, at most 256."""
    max_model_len: Annotated[
        int | None, within(16, 100_000_000), Setting(Panel.ENGINE, Samples.OTHER, default="what the prompts need")
    ] = None
    """Context in tokens.

    Without it as many as the prompts and their answers need, at most the model's."""
    dtype: Annotated[str, Setting(Panel.ENGINE, Samples.OTHER)] = "auto"
    """Precision of the engine: auto, bfloat16, float16 or float32."""
    gpu_memory_utilization: Annotated[
        float | None, within(0, 1, open=True), Setting(Panel.ENGINE, Samples.SAME, default="vLLM's")
    ] = None
    """Share of the GPU's memory for vLLM."""
    engine_args: Annotated[str, Setting(Panel.ENGINE, Samples.OTHER, metavar="TEXT")] = ""
    """More arguments of vLLM, e.g. '--kv-cache-dtype fp8'. Part of the suite.

    They are written as `vllm serve` takes them."""

    # The service.
    state_dir: Annotated[Path | None, Setting(Panel.SERVICE, Samples.SAME, default="~/.local/state/uimon/RUN")] = None
    """Ledger, JSONL, logs.

    It has to be on a disk of this machine. It lies below `$XDG_STATE_HOME`, where that is set; with `--wandb off` it is
    `<directory>-<hash of its path>` there."""
    keep_samples: Annotated[str, Setting(Panel.SERVICE, Samples.SAME, metavar="WHICH")] = "all"
    """Whose answers are kept: all, last:K (the newest), none.

    The metrics of the other evaluations stay, and so do their rows with their tables; they cannot be scored again."""
    stage: Annotated[Literal["auto", "none", "link", "reflink", "copy"], Setting(Panel.SERVICE, Samples.SAME)] = "auto"
    """How checkpoints that wait are kept: auto, none, link, reflink, copy.

    `auto`: an idle engine that has taken two reads a checkpoint in place; what has to wait is cloned where the file
    system can (`reflink`), else copied. `copy` copies; `link` makes hard links (same file system and mount); `none`
    reads in place whenever its turn comes. What is in place or linked is compared with its inspection after loading,
    and skipped where it has changed."""
    stage_dir: Annotated[Path | None, Setting(Panel.SERVICE, Samples.SAME, default="STATE_DIR/stage")] = None
    """Where staged checkpoints are kept."""
    stage_budget_gb: Annotated[
        float | None, within(0, 1e6, " GB", open=True), Setting(Panel.SERVICE, Samples.SAME, default="no limit")
    ] = None
    """Most disk that staged checkpoints may take.

    A further one waits in the trainer's directory until there is room; with `--policy latest` uimon drops the oldest
    for it."""
    disk_floor_gb: Annotated[float, within(0, 1e6, " GB"), Setting(Panel.SERVICE, Samples.SAME)] = 2.0
    """Free disk that staging leaves alone.

    uimon stages nothing that would leave less on the disk of the stage directory. When others leave less, it drops
    what is staged, the oldest first."""
    pattern: Annotated[
        str | None, Setting(Panel.SERVICE, Samples.SAME, metavar="TEXT", default="the usual trainers'")
    ] = None
    """Names of checkpoints, e.g. 'iter_{step}'.

    `{step}` stands for the step."""
    adopt_earlier: Annotated[bool, Setting(Panel.SERVICE, Samples.SAME, following=True)] = False
    """Also evaluate, for this run, what earlier ones left in CKPTS.

    That fills a separate run with the checkpoints of an old directory. Without it, uimon skips them as
    `earlier_run`."""
    policy: Annotated[str, Setting(Panel.SERVICE, Samples.SAME, following=True, metavar="POLICY")] = "all"
    """all, latest (newest first) or every:K (one in K steps).

    It says which checkpoints are evaluated when training is faster. `latest` takes older ones while nothing newer
    waits, `every:K` one in at least K steps. The final one always is."""
    poll: Annotated[
        float,
        BeforeValidator(parse_duration),
        within(0.01, 86_400, "s"),
        Setting(Panel.SERVICE, Samples.SAME, following=True),
    ] = 5.0
    """Longest time between two scans of CKPTS.

    File events wake it earlier."""
    once: Annotated[bool, Setting(Panel.SERVICE, Samples.SAME, following=True)] = False
    """Evaluate what is there, publish, exit."""
    until_final: Annotated[bool, Setting(Panel.SERVICE, Samples.SAME, following=True)] = False
    """Exit after the final checkpoint, or when the run has ended.

    The final one has `global_step >= max_steps`."""
    idle_exit: Annotated[Seconds, Setting(Panel.SERVICE, Samples.SAME, following=True)] = 6 * 3600.0
    """Exit when nothing new came for this long; 0: never.

    So a GPU does not wait for days."""
    grace: Annotated[Seconds, Setting(Panel.SERVICE, Samples.SAME, following=True)] = 120.0
    """Wait this long for a last checkpoint of an ended run."""
    drain_timeout: Annotated[Seconds, Setting(Panel.SERVICE, Samples.SAME)] = 60.0
    """The exit waits this long without progress.

    It waits for a webhook and a command, and at the same time for rows that are not yet in the run. What the webhook
    and the run have not received by then stays in the ledger."""
    table_rows: Annotated[int, within(0, 100_000), Setting(Panel.SERVICE, Samples.SAME)] = 8
    """Rows of eval/sample_generations a checkpoint."""
    table_kb: Annotated[int, within(1, 1_000_000, " kB"), Setting(Panel.SERVICE, Samples.SAME)] = 1000
    """Largest size of eval/sample_generations.

    uimon leaves further rows out, and says so in the table."""
    serve: Annotated[
        str | None, Setting(Panel.SERVICE, Samples.SAME, following=True, metavar="HOST:PORT", default="nowhere")
    ] = None
    """Address at which uimon answers /healthz.

    The answer is 200 while the service's loop runs, 503 where it hangs."""
    webhook: Annotated[
        Annotated[SecretStr, AfterValidator(require_address)] | None,
        Setting(Panel.SERVICE, Samples.SAME, metavar="URL", default="none"),
    ] = None
    """Address that is sent early warnings as JSON.

    Each is sent by POST, with a `text` as Slack shows it, and again when it is over."""
    on_alert: Annotated[str | None, Setting(Panel.SERVICE, Samples.SAME, metavar="CMD", default="none")] = None
    """Shell command run for each early warning.

    It runs once for each, which it gets as JSON on standard input and in `UIMON_ALERT`. What it does to the trainer
    is up to you: uimon itself never acts."""
    log_format: Annotated[Literal["text", "json"], Setting(Panel.SERVICE, Samples.SAME, metavar="FORMAT")] = "text"
    """Format of the log: text or json.

    `json` writes each line of the log as one JSON object: `time`, `level`, `message`."""
    alerts: Annotated[AlertSettings, Setting(None, Samples.SAME)] = AlertSettings()
    """When an early warning is raised: the table `[alerts]`."""

    @field_validator("*")
    @classmethod
    def _usable(cls, value: object) -> object:
        return require_texts(value)

    @property
    def run_name(self) -> str | None:
        """The run as the user named it, or as `WANDB_RUN_ID` does."""
        return self.run_id or os.environ.get("WANDB_RUN_ID") or None


DECLARED: Final = declarations(Settings)
"""Every setting as people meet it, by name. A field that does not say whether it changes samples ends the import."""
