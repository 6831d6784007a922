"""Records in which order real trainers write, rename and delete the files of their checkpoints.

    python -m tests.checkpoints.record_traces [NAME ...]

For each writer in `WRITERS` (or those named) this makes a throw-away virtual environment with that writer's versions,
runs a tiny training in it for some seconds on the CPU under `strace`, and keeps the operations below the run's output
directory in `tests/checkpoints/traces/NAME.json`, which `test_traces.py` replays. The environments of one call share
one with torch alone, appended to their own path. Needs `strace`, `pip` and a package index; about a gigabyte in the
temporary directory and some minutes for all of them.

A trace's `operations` are `[kind, path, rest...]`, paths relative to the output directory:

| kind | meaning | rest |
|---|---|---|
| `mkdir`, `rmdir` | a directory came, went | |
| `open` | a file was opened for writing; it is empty | |
| `write` | it has all its bytes, and is about to be renamed while it is open | its size |
| `close` | it was closed, with all its bytes | its size |
| `rename` | a file or directory got another name | the new path |
| `delete` | a file went | |

`strace` rather than file events, because a queue of events can run over. What is written through a memory map would be
missed; so the sizes of all files that are there in the end are compared with the recorded ones.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

TRACES = Path(__file__).with_name("traces")
TORCH = ("torch", "numpy")
SYSCALLS = (
    "open,openat,creat,close,write,pwrite64,writev,pwritev,sendfile,copy_file_range,lseek,ftruncate,truncate,"
    "rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,symlink,symlinkat"
)
SAVE_TWO = ("--save_total_limit=2",)

PROGRAM = '''
import argparse, functools, inspect, os, sys
parser = argparse.ArgumentParser()
parser.add_argument("output")
parser.add_argument("--trainer", default="hf")
parser.add_argument("--save_total_limit", type=int, default=1)
for flag in ("sharded", "lora", "save_only_model", "save_model", "save_state", "again"):
    parser.add_argument("--" + flag, action="store_true")
options = parser.parse_args()

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

words = {word: number for number, word in enumerate(["<unk>", "<s>", "</s>", "a", "page", "of", "html"])}
inner = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
inner.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>", bos_token="<s>", eos_token="</s>",
                                    pad_token="</s>")
tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
torch.set_num_threads(1)


def make_model():
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(vocab_size=16, hidden_size=16, intermediate_size=32, num_hidden_layers=2,
                                        num_attention_heads=2, num_key_value_heads=2, bos_token_id=1, eos_token_id=2))


def accepted(function, **values):
    """Those of the values that this version knows."""
    known = inspect.signature(function).parameters
    return {name: value for name, value in values.items() if name in known}


def shard_small():
    base = transformers.PreTrainedModel
    whole = base.save_pretrained
    base.save_pretrained = lambda self, *a, **k: whole(self, *a, **dict(k, max_shard_size="8KB"))


def lora():
    from peft import LoraConfig
    return LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")


def train_hf():
    from transformers import Trainer, TrainingArguments
    model = make_model()
    if options.lora:
        from peft import get_peft_model
        model = get_peft_model(model, lora())
    data = [{"input_ids": [3, 4, 5, 6], "labels": [3, 4, 5, 6]}] * 4
    run(Trainer, TrainingArguments, model, train_dataset=data)


def train_trl():
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer
    data = Dataset.from_dict({"text": ["a page of html"] * 4})
    run(SFTTrainer, SFTConfig, make_model(), train_dataset=data, peft_config=lora())


def run(trainer_class, arguments_class, model, **more):
    arguments = arguments_class(**accepted(
        arguments_class.__init__, output_dir=options.output, max_steps=3, save_steps=1, logging_steps=1,
        save_total_limit=options.save_total_limit, save_only_model=options.save_only_model, use_cpu=True,
        per_device_train_batch_size=1, report_to=[], disable_tqdm=True, bf16=False, gradient_checkpointing=False,
        dataset_text_field="text", max_seq_length=16, max_length=16, eos_token="</s>", pad_token="</s>"))
    tokenizers = {"processing_class": tokenizer, "tokenizer": tokenizer}
    known = inspect.signature(trainer_class.__init__).parameters
    name = next(name for name in tokenizers if name in known)
    trainer = trainer_class(model=model, args=arguments, **{name: tokenizer}, **more)
    trainer.train()
    if options.save_model:
        trainer.save_model()
    if options.save_state:
        trainer.save_state()


def train_loop():
    """A loop of one's own, as the examples of many projects have it."""
    for step in (1, 2):
        model = make_model()
        model.save_pretrained(os.path.join(options.output, f"step_{step}"), safe_serialization=True)
        tokenizer.save_pretrained(os.path.join(options.output, f"step_{step}"))


def train_accelerate():
    from accelerate import Accelerator
    accelerator = Accelerator(cpu=True)
    model = make_model()
    model, optimizer = accelerator.prepare(model, torch.optim.AdamW(model.parameters()))
    for step in (1, 2):
        accelerator.save_state(os.path.join(options.output, f"step_{step}"))


def train_dcp():
    import torch.distributed.checkpoint as dcp
    for step in (1, 2):
        dcp.save({"model": make_model().state_dict()}, checkpoint_id=os.path.join(options.output, f"step_{step}"))


if options.sharded:
    shard_small()
train = {"hf": train_hf, "trl": train_trl, "loop": train_loop, "accelerate": train_accelerate, "dcp": train_dcp}
for _ in range(2 if options.again else 1):
    train[options.trainer]()
'''
"""Runs in the writer's environment, with whichever versions are there."""


@dataclass(frozen=True, slots=True)
class Writer:
    """A writer to record: what is installed for it, and the options of `PROGRAM`."""

    name: str
    requirements: tuple[str, ...]
    options: tuple[str, ...] = ()


V4_36 = ("transformers==4.36.2", "safetensors==0.4.1", "accelerate==0.27.2", "peft==0.7.1", "numpy<2")
V4_37 = ("transformers==4.37.2", "safetensors==0.4.1", "accelerate==0.27.2", "numpy<2")
V4_38 = ("transformers==4.38.2", "safetensors==0.4.2", "accelerate==0.27.2", "numpy<2")
V4_41 = ("transformers==4.41.2", "safetensors==0.4.3", "accelerate==0.30.1", "numpy<2")
V4_46 = ("transformers==4.46.3", "safetensors==0.4.5", "accelerate==1.1.1", "peft==0.13.2", "trl==0.12.2", "rich")
V4_57 = ("transformers==4.57.6", "safetensors==0.7.0", "accelerate==1.12.0", "peft==0.18.1")
V5_24 = ("transformers==5.24.0", "safetensors==0.8.0", "accelerate==1.15.0", "peft==0.21.2", "trl==1.16.0")

WRITERS = (
    Writer("hf-4.36-full", V4_36),
    Writer("hf-4.36-lora", V4_36, ("--lora", *SAVE_TWO)),
    Writer("hf-4.37-full", V4_37, SAVE_TWO),
    Writer("hf-4.37-again", V4_37, ("--again", "--save_total_limit=3")),
    Writer("hf-4.38-sharded", V4_38, ("--sharded",)),
    Writer("hf-4.41-full", V4_41),
    Writer("hf-4.46-full", V4_46, ("--save_model", "--save_state")),
    Writer("hf-4.46-lora", V4_46, ("--lora",)),
    Writer("trl-0.12-lora", V4_46, ("--trainer=trl", *SAVE_TWO)),
    Writer("hf-4.57-full", V4_57),
    Writer("hf-4.57-sharded", V4_57, ("--sharded", "--save_model")),
    Writer("hf-5.24-full", V5_24, ("--save_model",)),
    Writer("hf-5.24-sharded", V5_24, ("--sharded",)),
    Writer("hf-5.24-weights-only", V5_24, ("--save_only_model",)),
    Writer("hf-5.24-again", V5_24, ("--again", *SAVE_TWO)),
    Writer("hf-5.24-lora", V5_24, ("--lora",)),
    Writer("trl-1.16-lora", V5_24, ("--trainer=trl", "--save_model")),
    Writer("loop-4.57-full", V4_57, ("--trainer=loop",)),
    Writer("loop-5.24-full", V5_24, ("--trainer=loop",)),
    Writer("loop-5.24-sharded", V5_24, ("--trainer=loop", "--sharded")),
    Writer("accelerate-1.15", V5_24, ("--trainer=accelerate",)),
    Writer("torch-dcp", V5_24, ("--trainer=dcp",)),
)

Operation = list[str | int]


@dataclass(slots=True)
class Parser:
    """Turns strace's lines into operations below `root`. Raises ValueError for what a trace cannot hold."""

    root: Path
    sizes: dict[str, int] = field(default_factory=dict)
    _open: dict[str, int] = field(default_factory=dict)

    def parse(self, lines: Iterator[str]) -> Iterator[Operation]:
        """The operations in the order in which they were done."""
        for line in lines:
            match = re.match(r"\d+ +(\w+)\((.*)\) += (-?\d+)(?:<(.*)>)?$", line.rstrip())
            if match and str(self.root) in line:
                name, arguments, result, path = match.groups()
                yield from self._operation(name, arguments, int(result), path or "")

    def _operation(self, name: str, arguments: str, result: int, opened: str) -> Iterator[Operation]:
        if name in ("open", "openat", "creat"):
            yield from self._opened(name, arguments, opened)
        elif name == "close":
            yield from self._closed(_descriptor(arguments))
        elif name in ("rename", "renameat", "renameat2"):
            yield from self._renamed(*map(self._relative, _paths(arguments)))
        elif name in ("mkdir", "mkdirat", "rmdir", "unlink", "unlinkat"):
            gone = "rmdir" if name == "rmdir" or "AT_REMOVEDIR" in arguments else "delete"
            path = self._relative(_paths(arguments)[0])
            self.sizes.pop(path, None)
            yield ["mkdir" if name.startswith("mkdir") else gone, path]
        elif name in ("link", "linkat", "symlink", "symlinkat", "truncate"):
            raise ValueError(f"a trace has no word for this: {name}({arguments})")
        else:
            self._written(name, arguments, result)

    def _opened(self, name: str, arguments: str, path: str) -> Iterator[Operation]:
        writes = name == "creat" or re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", arguments)
        relative = self._relative(path)
        if writes and relative:
            kept = self.sizes.get(relative, 0)
            if kept and "O_TRUNC" not in arguments and name != "creat":
                raise ValueError(f"a trace has no word for a file that is opened and keeps its bytes: {path}")
            self.sizes[relative] = self._open[relative] = 0
            yield ["open", relative]

    def _renamed(self, old: str, new: str) -> Iterator[Operation]:
        if not old or not new:
            raise ValueError(f"a trace has no word for what comes from elsewhere or goes there: {old or new}")
        if old in self._open:
            yield ["write", old, self.sizes[old]]
        self.sizes = {_moved(path, old, new): size for path, size in self.sizes.items()}
        self._open = {_moved(path, old, new): position for path, position in self._open.items()}
        yield ["rename", old, new]

    def _closed(self, path: str) -> Iterator[Operation]:
        relative = self._relative(path)
        if relative in self._open:
            del self._open[relative]
            yield ["close", relative, self.sizes[relative]]

    def _written(self, name: str, arguments: str, result: int) -> None:
        """Keeps the position and the size of a file that is open for writing."""
        target = re.findall(r"\d+<([^>]*)>", arguments)[-1 if name == "copy_file_range" else 0]
        path = self._relative(target)
        if path not in self._open:
            return
        last = int(arguments.rsplit(", ", 1)[1]) if name in ("pwrite64", "ftruncate") else 0
        if name == "ftruncate":
            self.sizes[path] = last
            return
        end = result if name == "lseek" else result + (last if name == "pwrite64" else self._open[path])
        if name != "pwrite64":
            self._open[path] = end
        if name != "lseek":
            self.sizes[path] = max(self.sizes[path], end)

    def _relative(self, path: str) -> str:
        """Empty for what is not below the output directory."""
        full = Path(path)
        return str(full.relative_to(self.root)) if full != self.root and full.is_relative_to(self.root) else ""


def _descriptor(arguments: str) -> str:
    match = re.match(r"\d+<(.*)>$", arguments)
    return match[1] if match else ""


def _paths(arguments: str) -> list[str]:
    """The paths of a call that names them by text, each with the directory that it is relative to."""
    found = re.findall(r'(?:[\w]+<([^>]*)>, )?"((?:[^"\\]|\\.)*)"', arguments)
    return [os.path.normpath(Path(base) / path) for base, path in found]


def _moved(path: str, old: str, new: str) -> str:
    return new + path[len(old) :] if path == old or path.startswith(f"{old}/") else path


def record(writer: Writer, python: Path, work: Path) -> dict[str, object]:
    """Runs the writer's training under strace; the trace as it is kept."""
    output, log = work / writer.name / "run", work / f"{writer.name}.strace"
    output.mkdir(parents=True)
    strace = ["strace", "-f", "-y", "-z", "-s", "0", "--seccomp-bpf", "-e", f"trace={SYSCALLS}", "-o", str(log)]
    quiet = {
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TRL_EXPERIMENTAL_SILENCE": "1",
    }
    training = [str(python), "-c", PROGRAM, str(output), *writer.options]
    done = subprocess.run(
        [*strace, *training], env={**os.environ, **quiet}, cwd=work, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{writer.name} failed:\n{done.stderr[-3000:]}")
    parser = Parser(output)
    with log.open(encoding="utf-8", errors="replace") as lines:
        operations = list(parser.parse(lines))
    there = {str(f.relative_to(output)): f.stat().st_size for f in output.rglob("*") if f.is_file()}
    if there != parser.sizes:
        raise RuntimeError(
            f"{writer.name}: recorded and real sizes differ: {set(there.items()) ^ set(parser.sizes.items())}"
        )
    return {
        "writer": writer.name,
        "options": list(writer.options),
        "versions": _versions(python, writer.requirements),
        "recorded": datetime.now(UTC).date().isoformat(),
        "operations": operations,
    }


def write(trace: dict[str, object], path: Path) -> None:
    """One operation a line, so that a difference between two recordings can be read."""
    operations = trace["operations"]
    assert isinstance(operations, list)
    head = json.dumps({**trace, "operations": []}, indent=1).removesuffix("[]\n}")
    body = ",\n".join(f"  {json.dumps(operation)}" for operation in operations)
    path.write_text(f"{head}[\n{body}\n ]\n}}\n", encoding="utf-8")


def _versions(python: Path, requirements: Sequence[str]) -> dict[str, str]:
    names = sorted({*(re.split("[=<]", text)[0] for text in requirements), "torch", "safetensors", "tokenizers"})
    code = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    output = subprocess.run([str(python), "-c", code, *names], check=True, capture_output=True, text=True).stdout
    return {str(name): str(version) for name, version in json.loads(output).items()}


def make_environment(path: Path, requirements: Sequence[str], beneath: Path | None = None) -> Path:
    """A virtual environment with these packages, and after its own those of the one `beneath`; its python."""
    python = path / "bin" / "python"
    if python.exists():
        return python
    subprocess.run([sys.executable, "-m", "venv", str(path)], check=True)
    if beneath is not None:
        (below,) = beneath.glob("lib/python*/site-packages")
        (own,) = path.glob("lib/python*/site-packages")
        (own / "beneath.pth").write_text(f"{below}\n")
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", *requirements], check=True)
    return python


def main() -> int:
    parser = argparse.ArgumentParser(description="Record the write orders of real trainers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="writers to record; all where none is named")
    parser.add_argument("--work", type=Path, help="directory for the environments, kept; a temporary one otherwise")
    arguments = parser.parse_args()
    if shutil.which("strace") is None:
        print("strace is not installed; on Debian: apt-get install strace", file=sys.stderr)
        return 2
    chosen = [writer for writer in WRITERS if not arguments.names or writer.name in arguments.names]
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        work = (arguments.work or Path(scratch)).resolve()
        torch = make_environment(work / "torch", TORCH).parents[1]
        for writer in chosen:
            kept = work / "-".join(writer.requirements[0].split("=="))
            with tempfile.TemporaryDirectory() as place:
                try:
                    python = make_environment(kept, writer.requirements, torch)
                    trace = record(writer, python, Path(place).resolve())
                except (RuntimeError, ValueError, subprocess.CalledProcessError) as error:
                    failed += 1
                    print(f"{writer.name}: {error}", file=sys.stderr)
                    continue
            write(trace, TRACES / f"{writer.name}.json")
            print(f"{writer.name}: {len(trace['operations'])} operations", flush=True)  # type: ignore[arg-type]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
