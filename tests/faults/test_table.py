"""The table of faults names tests that exist; and the faults that are tested nowhere else."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.table import FAULTS
from tests.support.checkpoint_files import write_checkpoint
from tests.support.house import House
from tests.support.outboxes import MemoryStore, eval_row
from tests.trackers.wandb.test_outbox import ScriptedPublisher, all_of, none_because
from watcher.ledger.ledger import Ledger
from watcher.ledger.state_dir import Lease, StateDir
from watcher.model import Reason, UimonError
from watcher.trackers.wandb import Backoff, Outbox

ROOT = Path(__file__).parents[2]


def test_the_table_is_whole_and_names_tests_that_exist() -> None:
    assert [fault.number for fault in FAULTS] == list(range(1, len(FAULTS) + 1))
    for fault in FAULTS:
        for test in fault.tests:
            file, _, name = test.partition("::")
            defined = {
                node.name
                for node in ast.walk(ast.parse((ROOT / file).read_text()))
                if isinstance(node, ast.FunctionDef)
            }
            assert name in defined, test


def test_an_abandoned_partial_holds_up_nothing(house: House) -> None:
    write_checkpoint(house.root, 50)
    (house.root / "checkpoint-50" / "trainer_state.json").unlink()
    write_checkpoint(house.root, 100)
    house.service(until_final=True).run()
    assert house.states() == [(50, "seen", Reason.TRAINER_STATE_MISSING), (100, "published", None)]


def test_a_second_watcher_of_a_state_directory_is_refused(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.create()
    first = Lease(state)
    with pytest.raises(UimonError, match=r"in use by process \d+ on ") as caught:
        Lease(state)
    assert caught.value.reason is Reason.STATE_DIR_BUSY
    first.release()
    Lease(state).release()


def test_a_lease_ends_with_its_holder_however_that_ends(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.create()
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom watcher.ledger.state_dir import Lease, StateDir\n"
        f"lease = Lease(StateDir(Path({str(tmp_path)!r})))\nos.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == -9
    Lease(state).release()


def test_a_clock_that_jumps_changes_no_pause_and_no_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore([eval_row(10)])
    tracker = ScriptedPublisher([none_because(Reason.WANDB_UNREACHABLE), all_of])
    outbox = Outbox(store, tracker, backoff=Backoff(base=9), gather=0.0)
    outbox.step()
    before = outbox.next_attempt_in
    assert before > 0
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    now = time.time()
    for step, shift in ((10, 0), (20, -86_400), (30, 86_400)):
        monkeypatch.setattr(time, "time", lambda shift=shift: now + shift)
        ledger.outbox().add_rows([eval_row(step)])
        assert before - 1 < outbox.next_attempt_in <= before
    assert [row.step for row in ledger.outbox().due_rows(9)] == [10, 20, 30]
    ledger.close()


_READ = """
import sys
from pathlib import Path
from watcher.checkpoints import discover, inspect, stage
root, stage_dir = map(Path, sys.argv[1:])
try:
    (root / "probe").touch()
except OSError:
    (found,) = discover(root)
    print(stage(inspect(found), stage_dir).digest)
"""


def test_a_read_only_mount_is_as_good_as_any(tmp_path: Path) -> None:
    root = tmp_path / "ckpts"
    write_checkpoint(root, 50)
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec "$2" -c "$3" "$1" "$4"'
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount anything")
    arguments = [str(root), sys.executable, _READ, str(tmp_path / "stage")]
    done = subprocess.run(
        [unshare, "-m", "sh", "-c", script, "sh", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert len(done.stdout.strip()) == 64, done.stderr
    assert [path.name for path in root.iterdir()] == ["checkpoint-50"]
