"""What engines remember across restarts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from watcher.engine.evidence import Evidence, Parity
from watcher.engine.loading import parity_tolerance
from watcher.engine.types import Setup
from watcher.model import Reason, UimonError

SETUP = Setup("LlamaForCausalLM", "0.32.0", "cpu", "bfloat16", False, "", 1, "")
PARITY = Parity(SETUP, True, 0.0, 3.5, 0.0, "a", "b", "2026-01-01T00:00:00+00:00")


def test_a_comparison_holds_for_the_very_same_setup_only(tmp_path: Path) -> None:
    Evidence(tmp_path / "new" / "evidence.json").keep(PARITY)
    again = Evidence(tmp_path / "new" / "evidence.json")
    assert again.parity(SETUP) == PARITY
    for changed in (
        replace(SETUP, architecture="Qwen2ForCausalLM"),
        replace(SETUP, vllm="0.33.0"),
        replace(SETUP, platform="cuda NVIDIA H100"),
        replace(SETUP, dtype="float32"),
        replace(SETUP, tied=True),
        replace(SETUP, quantization="fp8"),
        replace(SETUP, tensor_parallel=2),
        replace(SETUP, arguments="--kv-cache-dtype fp8"),
    ):
        assert again.parity(changed) is None


def test_a_comparison_of_another_way_to_swap_proves_nothing(tmp_path: Path) -> None:
    evidence = Evidence(tmp_path / "evidence.json")
    evidence.keep(replace(PARITY, swap_version=0))
    assert evidence.parity(SETUP) is None


def test_a_later_comparison_replaces_the_earlier_and_leaves_the_others(tmp_path: Path) -> None:
    evidence = Evidence(tmp_path / "evidence.json")
    other = replace(PARITY, setup=replace(SETUP, tied=True))
    for parity in (PARITY, other, replace(PARITY, equal=False)):
        evidence.keep(parity)
    again = Evidence(tmp_path / "evidence.json")
    assert again.parity(SETUP) == replace(PARITY, equal=False)
    assert again.parity(other.setup) == other


def test_the_way_of_adapters_outlives_a_restart(tmp_path: Path) -> None:
    evidence = Evidence(tmp_path / "evidence.json")
    evidence.keep(PARITY)
    assert evidence.adapters is None
    evidence.settle("merged")
    again = Evidence(tmp_path / "evidence.json")
    assert (again.adapters, again.parity(SETUP)) == ("merged", PARITY)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"adapters": "other"}', b"\xff\xfe"])
def test_a_damaged_file_is_named_and_kept(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "evidence.json"
    file.write_bytes(content)
    with pytest.raises(UimonError, match=r"evidence\.json cannot be read") as caught:
        Evidence(file)
    assert caught.value.reason is Reason.STATE_DIR_UNUSABLE
    assert file.read_bytes() == content


def test_on_a_cpu_nothing_may_differ_and_on_a_gpu_little() -> None:
    assert parity_tolerance(SETUP, 5.0) == 0.0
    gpu = replace(SETUP, platform="cuda NVIDIA H100")
    assert parity_tolerance(gpu, 5.0) == 0.04
    assert parity_tolerance(gpu, 0.02) == pytest.approx(0.001)
    assert parity_tolerance(replace(gpu, dtype="float32"), 5.0) == 1e-4
