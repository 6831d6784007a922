"""Adapters that are merged into their base: exact, whole or not at all, and never longer than their parent lives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.engine.adapter_variants import VARIANTS, WITH_BIASES
from watcher.engine import Deadlines, EngineSettings
from watcher.engine.merge import Merge
from watcher.engine.model_files.inventory import Fit, compare, read_config, read_inventory
from watcher.model import Reason, UimonError
from watcher.system.processes import descendants, group_members

pytestmark = pytest.mark.timeout(180)
ROOT = Path(__file__).parents[2]
CASES = {
    **{f"{base}/{variant.name}": variant.outcome for base in ("untied", "tied") for variant in VARIANTS},
    **{f"tied/{variant.name}": variant.outcome for variant in WITH_BIASES},
}
# In nats. Measured: 5.2e-5 at most, of which 2e-5 is what two orders of adding up in fp32 differ by.
EXACT = 1e-4


@dataclass(frozen=True, slots=True)
class Measured:
    """The directories with `base`, every adapter and every merged model, and how exact each merge was."""

    root: Path
    outcomes: dict[str, float | str]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    root = tmp_path_factory.mktemp("merged")
    command = [sys.executable, "-m", "tests.engine.merge_exactness", str(root)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=ROOT)
    return Measured(root, json.loads(done.stdout))


@pytest.mark.parametrize("case", CASES)
def test_a_merged_model_answers_as_the_trained_one(measured: Measured, case: str) -> None:
    found, due = measured.outcomes[case], CASES[case]
    assert found == due if isinstance(due, Reason) else isinstance(found, float) and found <= EXACT


@pytest.mark.parametrize("pair", ["untied/dora", "tied/dora", "tied/plain"])
def test_merges_of_one_run_may_follow_each_other_in_place(measured: Measured, pair: str) -> None:
    one, two = (read_inventory(measured.root / f"{pair}{number}-merged") for number in ("", "-2"))
    assert compare(one, two).fit is Fit.SAME
    assert compare(read_inventory(measured.root / pair.split("/")[0] / "base"), one).fit is Fit.SAME


@pytest.mark.parametrize(
    ("name", "tied", "vocabulary"),
    [
        ("dora", True, 320),
        ("tokens", True, 320),
        ("both-saved-tied", True, 320),
        ("head-saved", False, 320),
        ("head-targeted", False, 320),
        ("embeddings-targeted", False, 320),
        ("resized", True, 328),
    ],
)
def test_tied_embeddings_stay_tied_only_where_they_are_still_equal(
    measured: Measured, name: str, tied: bool, vocabulary: int
) -> None:
    merged = read_inventory(measured.root / "tied" / f"{name}-merged")
    assert ("lm_head.weight" not in merged.tensors) == merged.config["tie_word_embeddings"] == tied
    assert merged.tensors["model.embed_tokens.weight"].shape[0] == merged.config["vocab_size"] == vocabulary


def merge_of(measured: Measured, tiny: Path, target: Path, settings: EngineSettings, name: str = "dora") -> Merge:
    """A merge into a base in bf16 of the same shapes as those in fp32."""
    return Merge(tiny / "untied-a", measured.root / "untied" / name, target, settings, 1_000_000)


def test_a_merge_has_the_types_of_its_base_and_leaves_only_itself(
    measured: Measured, tiny: Path, tmp_path: Path, settings: EngineSettings
) -> None:
    merge_of(measured, tiny, tmp_path / "there" / "merged", settings).run()
    base, merged = read_inventory(tiny / "untied-a"), read_inventory(tmp_path / "there" / "merged")
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["merged"]
    assert compare(base, merged).fit is Fit.SAME
    assert Counter(tensor.dtype for tensor in merged.tensors.values()) == {"BF16": len(base.tensors)}
    assert read_config(merged.path)["dtype"] == "bfloat16"


def test_a_refusal_comes_back_as_it_was_raised(
    measured: Measured, tiny: Path, tmp_path: Path, settings: EngineSettings
) -> None:
    with pytest.raises(UimonError, match=r"q_proj.lora_B.weight holds NaN") as caught:
        merge_of(measured, tiny, tmp_path / "there" / "merged", settings, "dora-nan").run()
    assert caught.value.reason is Reason.NON_FINITE
    assert list((tmp_path / "there").iterdir()) == []


def test_a_merge_that_would_fill_the_disk_does_not_start(tmp_path: Path, settings: EngineSettings) -> None:
    with pytest.raises(UimonError, match=r"needs 1000000000\.0 GB here") as caught:
        Merge(tmp_path / "base", tmp_path / "adapter", tmp_path / "merged", settings, 10**18).run()
    assert caught.value.reason is Reason.DISK_FULL


def test_a_merge_that_takes_too_long_is_ended(
    measured: Measured, tiny: Path, tmp_path: Path, settings: EngineSettings
) -> None:
    before = set(descendants(os.getpid()))
    hasty = replace(settings, deadlines=Deadlines(cold=0.5, bytes_per_second=1e12))
    with pytest.raises(UimonError, match="more than 1 s") as caught:
        merge_of(measured, tiny, tmp_path / "merged", hasty).run()
    assert caught.value.reason is Reason.ENGINE_TIMEOUT
    assert set(descendants(os.getpid())) <= before


@contextmanager
def running(merge: Merge, raised: list[UimonError]) -> Iterator[int]:
    """The process of a merge that runs in another thread; its error is in `raised` afterwards."""

    def run() -> None:
        try:
            merge.run()
        except UimonError as error:
            raised.append(error)

    before = set(descendants(os.getpid()))
    thread = threading.Thread(target=run)
    thread.start()
    yield until(lambda: next((one.pid for one in set(descendants(os.getpid())) - before), 0))
    thread.join(30)
    assert not thread.is_alive()
    assert set(descendants(os.getpid())) <= before


def until(found: Callable[[], int], seconds: float = 30.0) -> int:
    """What `found` gives once it is not zero."""
    deadline = time.monotonic() + seconds
    while not (what := found()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return what


def test_a_merge_can_be_interrupted_from_another_thread(
    measured: Measured, tiny: Path, tmp_path: Path, settings: EngineSettings
) -> None:
    merge, raised = merge_of(measured, tiny, tmp_path / "merged", settings), list[UimonError]()
    with running(merge, raised):
        merge.interrupt()
    with pytest.raises(UimonError) as caught:
        merge.run()
    assert raised[0].reason is caught.value.reason is Reason.INTERRUPTED


def test_a_process_that_somebody_kills_is_named_with_its_log(
    measured: Measured, tiny: Path, tmp_path: Path, settings: EngineSettings
) -> None:
    raised: list[UimonError] = []
    with running(merge_of(measured, tiny, tmp_path / "merged", settings), raised) as pid:
        os.kill(pid, signal.SIGKILL)
    assert raised[0].reason is Reason.ENGINE_DIED
    assert "ended by SIGKILL; see " in raised[0].sentence


PARENT = """
import sys
from pathlib import Path
from watcher.engine import EngineSettings
from watcher.engine.merge import Merge
base, adapter, work = map(Path, sys.argv[1:])
Merge(base, adapter, work / "merged", EngineSettings(work), 0).run()
"""


def test_nothing_outlives_a_parent_that_was_killed(measured: Measured, tiny: Path, tmp_path: Path) -> None:
    directories = [tiny / "untied-a", measured.root / "untied" / "dora", tmp_path]
    with subprocess.Popen([sys.executable, "-c", PARENT, *map(str, directories)], cwd=ROOT) as parent:
        child = until(lambda: next((one.pid for one in descendants(parent.pid)), 0))
        # Killed before its lifeline is watched the process sees the end at once, later within its imports.
        time.sleep(1.0)
        parent.kill()
    # Left alone, it would take several seconds more.
    until(lambda: not group_members(child), 2.0)
