"""Which way a load goes, with a host that answers as told: for what a sound vLLM cannot be made to do."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.engine.weights import tiny_checkpoint, write, zeros
from watcher.engine.adapting import AdapterLoader
from watcher.engine.evidence import Evidence, Parity, ServedTensors
from watcher.engine.loading import Loader, LoadWay
from watcher.engine.model_files.inventory import read_inventory
from watcher.engine.protocol import Compared, LoadDone, LoadModel, ReloadWeights, Reply, Request
from watcher.engine.serving import Serving
from watcher.engine.types import EngineSettings, Setup, SwapPolicy
from watcher.model import Reason, UimonError

SETUP = Setup("LlamaForCausalLM", "0.32.0", "cpu", "bfloat16", False, "", 1, "")
PROVED = Parity(SETUP, True, 0.0, 1.0, 0.0, "x", "y", "2026-01-01T00:00:00+00:00")
Answer = tuple[float, ...] | None


@dataclass
class ScriptedHosting:
    """Answers each load with the next probe; None is a probe with a NaN in it."""

    answers: list[Answer]
    asked: list[type[Request]] = field(default_factory=list)
    pid: int | None = None
    started: int = 0
    ran_out_of_memory: bool = False
    checked: bool = True
    otherwise: str = ""
    compared: list[Compared] = field(default_factory=list)

    @property
    def alive(self) -> bool:
        return self.pid is not None

    def require_uninterrupted(self) -> None:
        pass

    def interrupt(self) -> None:
        pass

    def close(self) -> None:
        self.pid = None

    def ask(self, request: Request, seconds: float) -> Reply:
        assert isinstance(request, LoadModel | ReloadWeights)
        if self.pid is None:
            self.started += 1
            self.pid = self.started
        self.asked.append(type(request))
        compared = self.compared.pop(0) if self.compared else Compared()
        return LoadDone(self.answers.pop(0), SETUP, self.checked, self.otherwise, compared)


def loading_into(hosting: ScriptedHosting, settings: EngineSettings) -> Loader:
    return Loader(settings, Serving(settings, hosting))  # type: ignore[arg-type]


def adapting(settings: EngineSettings) -> AdapterLoader:
    serving = Serving(settings, ScriptedHosting([]))  # type: ignore[arg-type]
    return AdapterLoader(settings, serving, Loader(settings, serving))


def loader(place: Path, answers: Sequence[Answer], swap: SwapPolicy = "auto") -> tuple[Loader, ScriptedHosting]:
    hosting = ScriptedHosting(list(answers))
    return loading_into(hosting, EngineSettings(state_dir=place / "state", swap=swap)), hosting


@pytest.fixture(autouse=True)
def no_variables_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those for vLLM are a part of the setup."""
    for name in [name for name in os.environ if name.startswith("VLLM_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tiny_checkpoint(tmp_path / "model")
    (path / "tokenizer.json").write_text("{}")
    return path


def test_the_first_swap_is_proved_and_later_ones_follow_in_place(tmp_path: Path, model: Path) -> None:
    load, hosting = loader(tmp_path, [(1.0,), (2.0,), (2.0,), (1.0,)])
    assert [load.load_full(model, digest).swap for digest in ("a", "b", "a")] == ["cold", "cold", "warm"]
    assert hosting.asked == [LoadModel, ReloadWeights, LoadModel, ReloadWeights]
    assert Evidence(tmp_path / "state" / "evidence.json").parity(SETUP) is not None


def test_equal_bytes_with_other_answers_are_never_served_in_place_again(tmp_path: Path, model: Path) -> None:
    Evidence(tmp_path / "state" / "evidence.json").keep(PROVED)
    load, hosting = loader(tmp_path, [(1.0,), (1.5,), (1.0,), (2.0,)])
    load.load_full(model, "a")
    way = load.load_full(model, "a")
    assert (way.swap, way.alarming) == ("cold", True)
    assert "changed although the weights did not" in way.note
    assert load.load_full(model, "b").swap == "cold"
    assert hosting.asked == [LoadModel, ReloadWeights, LoadModel, LoadModel]


def test_a_nan_that_a_swap_made_is_not_the_checkpoints(tmp_path: Path, model: Path) -> None:
    Evidence(tmp_path / "state" / "evidence.json").keep(PROVED)
    load, hosting = loader(tmp_path, [(1.0,), None, (2.0,)])
    load.load_full(model, "a")
    way = load.load_full(model, "b")
    assert (way.swap, way.alarming) == ("cold", True)
    assert hosting.started == 2


STRANGE = Compared(9, ("lm_head.weight", "model.norm.weight"))


def test_weights_that_lie_in_no_file_are_not_served(tmp_path: Path, model: Path) -> None:
    load, hosting = loader(tmp_path, [(1.0,), (1.0,)])
    hosting.compared = [STRANGE]
    with pytest.raises(UimonError, match=r"lm_head\.weight and 1 more with other values than the files hold") as caught:
        load.load_full(model, "a")
    assert (caught.value.reason, hosting.alive) == (Reason.WEIGHTS_REFUSED, False)
    assert str(model) in caught.value.sentence
    assert Evidence(tmp_path / "state" / "evidence.json").served == ()
    assert load.load_full(model, "a").swap == "cold"


def test_weights_that_a_swap_left_behind_end_swapping(tmp_path: Path, model: Path) -> None:
    Evidence(tmp_path / "state" / "evidence.json").keep(PROVED)
    load, hosting = loader(tmp_path, [(1.0,), (2.0,), (3.0,), (4.0,)])
    hosting.compared = [Compared(9), STRANGE, Compared(9)]
    load.load_full(model, "a")
    way = load.load_full(model, "b")
    assert (way.swap, way.alarming) == ("cold", True)
    assert way.note.startswith("The change in place left lm_head.weight as it was. From now on each checkpoint")
    assert load.load_full(model, "c").swap == "cold"
    assert hosting.asked == [LoadModel, ReloadWeights, LoadModel, LoadModel]


def test_a_tensor_that_a_swap_passed_over_gets_a_fresh_engine(tmp_path: Path, model: Path) -> None:
    """A head that was tied at the start, since it equaled the embeddings, and has values of its own afterwards."""
    Evidence(tmp_path / "state" / "evidence.json").keep(PROVED)
    load, hosting = loader(tmp_path, [(1.0,), (2.0,), (3.0,), (4.0,)])
    idle, passed = Compared(9, unused=("mtp.weight",)), Compared(9, unused=("lm_head.weight", "mtp.weight"))
    hosting.compared = [idle, passed, idle, idle]
    load.load_full(model, "a")
    way = load.load_full(model, "b")
    assert (way.swap, way.alarming) == ("cold", False)
    assert way.note.startswith("The change in place skipped lm_head.weight; a fresh engine settled it.")
    assert load.load_full(model, "c").swap == "warm"
    assert hosting.asked == [LoadModel, ReloadWeights, LoadModel, ReloadWeights]


@pytest.mark.parametrize(
    ("compared", "note"),
    [
        (Compared(9, unused=("rotary_emb.inv_freq", "visual.merger.weight", "mtp.fc.weight")), ""),
        (Compared(9, unused=("model.layers.0.own.weight",)), "vLLM does not use 1 tensors of the files (model.layers"),
        (
            Compared(why_not="the weights are quantized (fp8)"),
            "could not be compared with the files: the weights are q",
        ),
        (
            Compared(9, (), ("model.layers.0.o.weight",), other_forms=("model.layers.*.o.weight",)),
            "vLLM keeps model.layers.*.o.weight in a form of its own, which cannot be compared",
        ),
    ],
)
def test_what_was_compared_is_kept_and_what_was_not_is_said(
    tmp_path: Path, model: Path, compared: Compared, note: str
) -> None:
    load, hosting = loader(tmp_path, [(1.0,)])
    hosting.compared = [compared]
    said = load.load_full(model, "a").note
    assert note in said
    assert bool(note) == bool(said)
    known = Evidence(tmp_path / "state" / "evidence.json").served
    assert known == (
        ServedTensors(SETUP, False, compared.parameters, compared.unused, compared.why_not, compared.other_forms),
    )


def test_a_nan_in_a_fresh_engine_is_the_checkpoints(tmp_path: Path, model: Path) -> None:
    load, hosting = loader(tmp_path, [(1.0,), None, None, (2.0,)])
    load.load_full(model, "a")
    with pytest.raises(UimonError, match="training has diverged") as caught:
        load.load_full(model, "b")
    assert caught.value.reason is Reason.NON_FINITE
    assert not hosting.alive
    assert load.load_full(model, "c").swap == "cold"


@pytest.mark.parametrize(
    ("settled", "swap", "why", "way"),
    [
        (None, "auto", "", "lora"),
        (None, "auto", "uses DoRA", "merged"),
        ("merged", "auto", "", "merged"),
        ("lora", "lora", "", "lora"),
        ("lora", "auto", "uses DoRA", "merged ones would not compare"),
        (None, "lora", "uses DoRA", "--swap lora forbids merging"),
        ("merged", "lora", "", "earlier adapters were merged"),
    ],
)
def test_one_run_serves_its_adapters_in_one_way(
    tmp_path: Path, settled: str | None, swap: SwapPolicy, why: str, way: str
) -> None:
    if settled is not None:
        Evidence(tmp_path / "state" / "evidence.json").settle("merged" if settled == "merged" else "lora")
    load = adapting(EngineSettings(state_dir=tmp_path / "state", swap=swap))
    if way in ("lora", "merged"):
        assert load._adapter_way(tmp_path, why) == way
    else:
        with pytest.raises(UimonError, match=way) as caught:
            load._adapter_way(tmp_path, why)
        assert caught.value.reason is Reason.ADAPTER_UNSUPPORTED


@pytest.mark.parametrize("name", ["d1.partial", "d1"])
def test_what_is_said_of_a_merged_model_names_the_adapter(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    merged = tmp_path / "state" / "merged" / name

    class Refusing:
        def __init__(self, *_: object) -> None:
            pass

        def run(self) -> None:
            raise UimonError(Reason.WEIGHTS_REFUSED, f"{merged}/model.safetensors: the tensor x is missing.")

    monkeypatch.setattr("watcher.engine.adapting.Merge", Refusing)
    load = adapting(EngineSettings(state_dir=tmp_path / "state"))
    adapter = tmp_path / "adapter"
    with pytest.raises(UimonError) as caught:
        load._load_merged(adapter, "d1", read_inventory(model), "uses DoRA")
    assert caught.value.sentence == f"{adapter}/model.safetensors: the tensor x is missing."


def test_a_run_keeps_the_base_of_its_first_adapter(tmp_path: Path, model: Path) -> None:
    file = tmp_path / "state" / "evidence.json"
    Evidence(file).require_base(model)
    copied = shutil.copytree(model, tmp_path / "elsewhere")
    Evidence(file).require_base(copied)
    data = bytearray((copied / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (copied / "model.safetensors").write_bytes(data)
    with pytest.raises(UimonError, match="not the base model") as caught:
        Evidence(file).require_base(copied)
    assert caught.value.reason is Reason.WEIGHTS_CHANGED
    Evidence(file).require_base(model)


def test_a_named_tokenizer_that_is_not_there_is_no_reason_to_take_another(tmp_path: Path, model: Path) -> None:
    load = loading_into(ScriptedHosting([]), EngineSettings(tmp_path / "state", tokenizer=tmp_path))
    with pytest.raises(UimonError, match="there is no tokenizer here") as caught:
        load.load_full(model, "a")
    assert caught.value.reason is Reason.TOKENIZER_MISSING


def test_a_load_that_nothing_could_check_says_so(tmp_path: Path, model: Path) -> None:
    load, hosting = loader(tmp_path, [(1.0,), (2.0,), (2.0,)])
    hosting.checked = False
    first, second = (load.load_full(model, digest).note for digest in ("a", "b"))
    assert first.startswith("Only vLLM's own check looked for missing tensors")
    assert second.startswith("The first change in place equals a fresh engine")
    assert first in second


def test_a_full_model_is_read_by_a_view_of_it_that_is_gone_afterwards(tmp_path: Path, model: Path) -> None:
    read_by: list[Path] = []
    hosting = loader(tmp_path, [(1.0,)])[1]
    write(model / "consolidated.safetensors", {"tok_embeddings.weight": zeros(32, 8)})
    ask = hosting.ask

    def looked_at(request: Request, seconds: float) -> Reply:
        assert isinstance(request, LoadModel)
        path = Path(str(request.args["model"]))
        assert [file.name for file in path.glob("*.safetensors")] == ["model.safetensors"]
        read_by.append(path)
        return ask(request, seconds)

    hosting.ask = looked_at  # type: ignore[method-assign]
    loading_into(hosting, EngineSettings(state_dir=tmp_path / "state")).load_full(model, "a")
    assert read_by[0] != model
    assert not read_by[0].exists()
    assert (model / "consolidated.safetensors").exists()


def test_an_engine_that_computes_another_function_is_not_asked_for_numbers(tmp_path: Path, model: Path) -> None:
    load, hosting = loader(tmp_path, [(1.0,)])
    hosting.otherwise = "this build leaves a bias out"
    with pytest.raises(UimonError) as caught:
        load.load_full(model, "a")
    assert caught.value.reason is Reason.WEIGHTS_REFUSED
    assert caught.value.sentence.startswith(f"{model}: this build leaves a bias out, so it is not")
    assert not hosting.alive


@pytest.mark.parametrize(("gpu_bytes", "said"), [(None, "the base is a mixture of experts"), (8 * 2**30, "")])
def test_on_a_cpu_adapters_over_experts_are_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu_bytes: int | None, said: str
) -> None:
    base = tiny_checkpoint(tmp_path / "base", num_experts=4)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    module = "base_model.model.model.layers.{}.self_attn.q_proj"
    pairs = {f"{module.format(layer)}.lora_A.weight": zeros(2, 8) for layer in range(2)}
    pairs |= {f"{module.format(layer)}.lora_B.weight": zeros(8, 2) for layer in range(2)}
    write(adapter / "adapter_model.safetensors", pairs)
    (adapter / "adapter_config.json").write_text(json.dumps({"r": 2, "target_modules": ["q_proj"]}))
    settings = EngineSettings(state_dir=tmp_path / "state", gpu_bytes=gpu_bytes)
    load = adapting(settings)
    monkeypatch.setattr(load, "_load_lora", lambda *_: LoadWay("lora"))
    monkeypatch.setattr(load, "_load_merged", lambda *told: LoadWay("cold", f"merged: {told[-1]}"))
    way = load.load(adapter, "a", base)
    assert (way.swap, way.note) == (("cold", f"merged: {said}, and this is a CPU") if said else ("lora", ""))


def test_what_is_served_is_what_was_asked_for_last_and_came_to_its_good_end(tmp_path: Path, model: Path) -> None:
    settings, hosting = EngineSettings(state_dir=tmp_path / "state", swap="warm"), ScriptedHosting([(1.0,), (2.0,)])
    serving = Serving(settings, hosting)  # type: ignore[arg-type]

    def known() -> tuple[bool, bool]:
        return serving.held is not None, serving.served is not None

    Loader(settings, serving).load_full(model, "a")
    assert known() == (True, False)
    assert serving.certify() is serving.served
    # A refused load leaves the host with the weights of the one before, which the next may follow in place.
    serving.withdraw()
    assert known() == (True, False)
    serving.certify()
    hosting.close()
    assert known() == (False, False)
    # Another host holds nothing of what the one before was given.
    hosting.pid = 99
    assert known() == (False, False)
