"""The Slurm job of examples/, with stand-ins for `srun` and what it starts."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

JOB = Path(__file__).parents[2] / "examples" / "slurm.sbatch"


def test_the_job_is_written_in_correct_bash() -> None:
    subprocess.run(["bash", "-n", JOB], check=True)


def test_the_slurm_job_asks_for_two_tasks_on_one_node() -> None:
    text = JOB.read_text()
    assert {"--nodes=1", "--ntasks=2", "--gpus-per-task=1"} <= set(re.findall(r"^#SBATCH (\S+)", text, re.MULTILINE))
    assert text.count("\nsrun --ntasks=1 --exact --gpus-per-task=1 ") == 2


def slurm_job(place: Path, **programs: str) -> subprocess.Popen[bytes]:
    """The job with a stand-in for `srun` that writes down how it was started, and these programs."""
    (place / "key").write_text("secret-key")
    srun = 'echo "$*" >>argv\nwhile [[ $1 == --* ]]; do shift; done\nexec "$@"'
    for name, text in {"srun": srun, **programs}.items():
        (place / name).write_text(f"#!/bin/bash\n{text}\n")
        (place / name).chmod(0o755)
    path = {"PATH": f"{place}:/usr/bin:/bin", "HOME": str(place), "WANDB_API_KEY_FILE": str(place / "key")}
    slurm = {"SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "8"}
    return subprocess.Popen(["bash", JOB], cwd=place, env={**path, **slurm})


def test_at_the_limit_the_slurm_job_asks_the_trainer_alone_to_end_and_waits_for_uimon(tmp_path: Path) -> None:
    trainer = "trap 'echo saved >>has; exit 3' TERM\necho up >>has\nwhile :; do sleep .05; done"
    uimon = "until grep -q saved has; do sleep .05; done\necho evaluated >>has"
    job = slurm_job(tmp_path, python=trainer, uimon=uimon)
    while not (tmp_path / "has").exists():
        time.sleep(0.05)
    job.terminate()
    assert job.wait(30) == 3
    assert (tmp_path / "has").read_text().split() == ["up", "saved", "evaluated"]


def test_the_slurm_job_puts_the_key_on_no_command_line(tmp_path: Path) -> None:
    """Neither the trainer's nor uimon's; the trainer has it all the same."""
    said = {name: f'echo "$*" >>argv\necho "{name} $WANDB_API_KEY" >>has' for name in ("python", "uimon")}
    assert slurm_job(tmp_path, **said).wait(30) == 0
    assert "secret-key" not in (tmp_path / "argv").read_text()
    assert set((tmp_path / "has").read_text().splitlines()) == {"python secret-key", "uimon "}
    # $HOME mostly lies on a file server, where uimon refuses to keep its ledger.
    assert f"--state-dir /var/tmp/uimon-{os.geteuid()}/ui-7 " in (tmp_path / "argv").read_text()


def test_the_slurm_jobs_ledger_lies_on_the_node_and_goes_to_the_next_one(tmp_path: Path) -> None:
    """A stand-in for uimon counts its starts in its state directory; what it finds there is the newest."""
    (tmp_path / "key").write_text("secret-key")
    (tmp_path / "srun").write_text('#!/bin/bash\nwhile [[ $1 == --* ]]; do shift; done\nexec "$@"\n')
    (tmp_path / "python").write_text("#!/bin/bash\n")
    start = 'mkdir -p "$6"\necho start >>"$6/ledger.sqlite3-wal"\n[[ $FAIL ]] && kill $PPID\nexit 0\n'
    (tmp_path / "uimon").write_text(f"#!/bin/bash\n{start}")
    for name in ("srun", "python", "uimon"):
        (tmp_path / name).chmod(0o755)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path), "WANDB_API_KEY_FILE": str(tmp_path / "key")}
    slurm = {"SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "8"}
    kept = tmp_path / ".local/state/uimon/ui-7/ledger.sqlite3-wal"
    for node, fails in (("a", ""), ("b", ""), ("a", "yes"), ("a", "")):
        local = {"LOCAL_STATE": str(tmp_path / node), "FAIL": fails}
        subprocess.run(["bash", JOB], cwd=tmp_path, env={**path, **slurm, **local}, check=not fails)
        time.sleep(0.01)
    assert kept.read_text().split() == ["start"] * 4
