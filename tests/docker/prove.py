"""Proves the image and the compose files in real containers: `make docker-test`, or `python -m tests.docker.prove NAME`
for one of the proofs. Exits 0 when all is proven, 1 with a sentence when something is not, 77 without an engine.

BASE is the image's base; BUILD_ARGS are more options for the builder, such as `--secret id=pip.conf,src=/etc/pip.conf`;
COMPOSE is another compose command. STEPS, SAVE_STEPS, SAMPLES and MIN_VALIDITY make the demo another size.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.docker.containers import DOCKER, ROOT, Engine, NotProven, Project, call, find_engine, require, wait_until

IMAGE: Final = "uimon:cpu"
NO_ENGINE: Final = 77
"""What automake, meson and others take for "skipped"."""
_STARTS: Final = 20
"""So many starts of a minute and more cover the time after which a row counts as lost."""
GRACE_S: Final = 20.0
"""`stop_grace_period` of the compose files."""
SIZE: Final = {
    "STEPS": os.environ.get("STEPS", "300"),
    "SAVE_STEPS": os.environ.get("SAVE_STEPS", "50"),
    "SAMPLES": os.environ.get("SAMPLES", "64"),
    "MIN_VALIDITY": os.environ.get("MIN_VALIDITY", "0.95"),
}

# A listing of everything under /data by which any change shows, be it of a time stamp only.
LISTING: Final = """
import hashlib, os
for root, folders, files in sorted(os.walk("/data")):
    for name in ["."] + sorted(files):
        path = os.path.join(root, name)
        s = os.stat(path)
        digest = "" if name == "." else hashlib.sha256(open(path, "rb").read()).hexdigest()
        print(path, s.st_mode, s.st_uid, s.st_gid, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns, digest)
"""
STATE_OF_STANDIN: Final = (
    "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8475/_standin/state').read().decode())"
)
KILL_UIMON: Final = """
import os, signal
for pid in filter(str.isdigit, os.listdir("/proc")):
    with open(f"/proc/{pid}/stat") as stat:
        if stat.read().rpartition(")")[2].split()[1] == "1" and int(pid) != os.getpid():
            os.kill(int(pid), signal.SIGKILL)
            break
"""


def say(sentence: str) -> None:
    """A line of the report, at once."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {sentence}\n")
    sys.stdout.flush()


# The image.


def prove_image(engine: Engine) -> None:
    """Built, labelled, non-root, with a health check; neither build tools nor pip's cache are left in it."""
    base = os.environ.get("BASE") or _default_base()
    engine.build(IMAGE, base, shlex.split(os.environ.get("BUILD_ARGS", "")))
    found = engine.inspect(IMAGE)
    config = found["Config"]
    require(config["User"] == "10001:10001", f"the image's user is {config['User']!r}.")
    require(config["Entrypoint"] == ["tini", "--", "uimon"], f"its entrypoint is {config['Entrypoint']}.")
    require("/healthz" in " ".join(_health_check(engine)), "it has no health check.")
    require(config["Labels"].get("org.opencontainers.image.licenses") == "Apache-2.0", "it has no labels.")
    left = (
        "for tool in gcc cc make cargo cmake; do command -v $tool; done; ls -d /root/.cache /src /var/lib/apt/lists/*; "
        "cd /opt/uimon/bin && ls pip pytest ruff mypy"
    )
    leftovers = engine.inside(IMAGE, f"({left}) 2>/dev/null; true", "--user", "0")
    require(not leftovers, f"build tools or caches are left in it: {leftovers}")
    said = engine.inside(IMAGE, "id; umask; uimon --help", "--read-only", "--network", "none", "--user", "4242:4242")
    require("uid=4242" in said and "watch" in said, f"another user cannot run uimon on a read-only root: {said}")
    layers = [len(engine.inspect(name)["RootFS"]["Layers"]) for name in (IMAGE, base)]
    sizes = [int(engine.inspect(name)["Size"]) / 1e9 for name in (IMAGE, base)]
    say(f"image: {sizes[0]:.2f} GB ({sizes[1]:.2f} GB of them the base), {layers[0] - layers[1]} layers on the base's")
    say(f"image: {engine.inside(IMAGE, 'id')}")


def _default_base() -> str:
    """The base that the Dockerfile names."""
    lines = (DOCKER / "Dockerfile").read_text().splitlines()
    return next(line.removeprefix("ARG BASE=") for line in lines if line.startswith("ARG BASE="))


def _health_check(engine: Engine) -> list[str]:
    """The image's health check, its kind first; docker and podman keep it in different places."""
    found = engine.inspect(IMAGE)
    check: dict[str, Any] = found["Config"].get("Healthcheck") or found.get("Healthcheck") or {}
    return list(check.get("Test", []))


# The demo, as a user starts it.


def prove_demo(engine: Engine) -> None:
    """`docker/demo.sh` runs to its end, and its exit code is the verdict's; a demo that cannot succeed says so."""
    variables = {**SIZE, "ENGINE": engine.name, "COMPOSE": shlex.join(engine.compose)}
    done = call([str(DOCKER / "demo.sh")], {**variables})
    # podman's compose names what it makes first.
    told = done.stdout[max(done.stdout.find("Read back from the run"), 0) :]
    say("demo: " + told.strip().replace("\n", "\n         "))
    require("The demo did what it should." in told, "the demo's verdict is missing.")


# The same run, disturbed.


class Disturbed:
    """The demo's services under their container names, and what can be asked of them while they run."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.project = Project(engine, "uimon-demo", (DOCKER / "docker-compose.demo.yml",), SIZE)
        self.uimon, self.trainer, self.standin = (f"uimon-demo-{name}" for name in ("uimon", "trainer", "standin"))

    def checkpoints(self) -> list[dict[str, Any]]:
        """`uimon status` in the living container; empty while there is no ledger."""
        done = self.engine.run("exec", self.uimon, "uimon", "status", "--json", check=False)
        found: list[dict[str, Any]] = json.loads(done.stdout)["checkpoints"] if done.returncode == 0 else []
        return found

    def evaluating(self) -> list[int]:
        """The steps that are being evaluated at this moment."""
        return [row["step"] for row in self.checkpoints() if row["state"] == "evaluating"]

    def wandb(self) -> dict[str, Any]:
        """Everything that the stand-in knows."""
        done = self.engine.run("exec", self.standin, "python3", "-c", STATE_OF_STANDIN)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def await_evaluation(self) -> None:
        """Wait until samples are being generated: an engine that has evaluated one checkpoint is at another."""
        evaluated = self.engine.log(self.uimon).count(" evaluated: ")
        wait_until("nothing is evaluated", lambda: self.engine.log(self.uimon).count(" evaluated: ") > evaluated)
        wait_until("no checkpoint is being evaluated", lambda: bool(self.evaluating()))


def prove_disturbed(engine: Engine) -> None:
    """SIGKILL to the trainer, SIGTERM to uimon in mid-evaluation, SIGKILL to uimon: every row once."""
    run = Disturbed(engine)
    engine.remove("uimon-demo")
    run.project.up("trainer", "uimon")
    _kill_trainer(run)
    _stop_in_mid_evaluation(run)
    _require_health(run)
    _require_read_only_mount(run)
    _kill_uimon(run)
    wait_until("the trainer does not end", lambda: engine.state(run.trainer)[0] == "exited")
    require(engine.state(run.trainer)[1] == 0, f"the trainer failed: {engine.log(run.trainer)[-2000:]}")
    _await_delivery(run)
    _require_every_row_once(run)
    prove_unchanged(engine)
    prove_umask(engine)


def _kill_trainer(run: Disturbed) -> None:
    wait_until("the trainer saves no checkpoint", lambda: bool(run.checkpoints()))
    run.engine.run("kill", "--signal", "KILL", run.trainer)
    rows = len(run.wandb()["history"]["stand-in/uimon-demo/demo"])
    wait_until("the trainer survives SIGKILL", lambda: run.engine.state(run.trainer)[0] == "exited", 30)
    require(run.engine.state(run.uimon)[0] == "running", "uimon ended with the trainer.")
    run.engine.run("start", run.trainer)
    say(f"SIGKILL to the trainer, {rows} rows in the run: uimon goes on; trainer started again, from its first step")


def _stop_in_mid_evaluation(run: Disturbed) -> None:
    """Stopped as `docker stop` does it; where the evaluation ended just before, the next one is stopped."""
    for _ in range(3):
        run.await_evaluation()
        began = time.monotonic()
        run.engine.run("stop", "--time", str(int(GRACE_S)), run.uimon)
        seconds = time.monotonic() - began
        require(seconds < GRACE_S, f"uimon took {seconds:.0f} s to end after SIGTERM.")
        ended, said = run.engine.state(run.uimon), run.engine.log(run.uimon)
        # A slow machine delivers less within the seconds that a stop has: then it says so, and exits with 1.
        expected = 1 if "the next `uimon watch` delivers them" in said else 0
        require(ended == ("exited", expected), f"it ended as {ended}: {said[-2000:]}")
        handed_back = "is requeued" in said
        run.engine.run("start", run.uimon)
        if handed_back:
            say(f"SIGTERM in mid-evaluation: requeued, exit code {expected} after {seconds:.1f} s; started again")
            return
    raise NotProven("no evaluation was met while it ran.")


def _await_delivery(run: Disturbed) -> None:
    """uimon ends with all rows in the run. One that a killed session may have sent is sent again only after W&B has not
    shown it for 12 min 45 s; an exit before that names it, and the next start goes on.
    """
    for _ in range(_STARTS):
        wait_until("uimon does not end", lambda: run.engine.state(run.uimon)[0] == "exited")
        code, said = run.engine.state(run.uimon)[1], run.engine.log(run.uimon)
        if code == 0:
            return
        require(said.rstrip().count("the next `uimon watch` delivers them") > 0, f"uimon failed: {said[-2000:]}")
        run.engine.run("start", run.uimon)
    raise NotProven(f"rows are still waiting after {_STARTS} starts: {said[-2000:]}")


def _require_health(run: Disturbed) -> None:
    """The image's health check, asked in the container as the engine does."""
    asked = ("exec", run.uimon, *_health_check(run.engine)[1:])
    wait_until("/healthz does not answer", lambda: run.engine.run(*asked, check=False).returncode == 0, 120)
    say("health check: /healthz answers 200 inside of the container")


def _require_read_only_mount(run: Disturbed) -> None:
    """Root itself cannot write there, so that it is the mount which forbids it, not the files' owner."""
    for command in ("touch /data/checkpoints/x", "rm -r /data/checkpoints", "chmod 777 /data/checkpoints"):
        done = run.engine.run("exec", "--user", "0", run.uimon, "/bin/sh", "-c", command, check=False)
        refused = done.returncode != 0 and "Read-only file system" in done.stderr
        require(refused, f"`{command}` was not refused: {done.stderr}")
    say("read-only mount: root's touch, rm and chmod in the checkpoints are refused (Read-only file system)")


def _kill_uimon(run: Disturbed) -> None:
    wait_until("no checkpoint is being evaluated", lambda: bool(run.evaluating()))
    run.engine.run("kill", "--signal", "KILL", run.uimon)
    wait_until("uimon survives SIGKILL", lambda: run.engine.state(run.uimon)[0] == "exited", 30)
    require(run.engine.state(run.uimon)[1] == 137, f"it ended as {run.engine.state(run.uimon)}.")
    run.engine.run("start", run.uimon)
    say("SIGKILL to uimon in mid-evaluation: exit code 137; started again")


def _require_every_row_once(run: Disturbed) -> None:
    told = run.wandb()
    rows = told["history"]["stand-in/uimon-demo/demo"]
    for kind in ("eval", "train"):
        uids = Counter(row[f"{kind}/uid"] for row in rows if f"{kind}/uid" in row)
        twice = [uid for uid, count in uids.items() if count > 1]
        require(uids and not twice, f"of the {kind} rows, {twice} are in the run more than once, of {len(uids)}.")
        say(f"in the run: {len(uids)} {kind} rows, every uid once")
    logged = Counter(row["train/global_step"] for row in rows if "train/loss" in row)
    missing = set(range(1, int(SIZE["STEPS"]) + 1)) - set(logged)
    require(not missing, f"the trainer's rows of steps {sorted(missing)} are not in the run.")
    require(not told["clobbered"], f"rows were overwritten: {told['clobbered'][:3]}")
    require(not told["unknown"], f"the stand-in did not understand {told['unknown'][:3]}")
    last = {row["train/global_step"] for row in rows if "eval/uid" in row}
    require(int(SIZE["STEPS"]) in last, f"the last checkpoint was not evaluated; there are {sorted(last)}.")
    say(f"in the run: all {len(logged)} steps of the trainer, none overwritten; evaluations of {sorted(last)}")


def prove_unchanged(engine: Engine) -> None:
    """Another uimon over the same checkpoints leaves every byte, time stamp and inode as it was."""
    data = ("--volume", "uimon-demo_data:/data:ro")
    before = engine.run("run", "--rm", "--user", "0", *data, "--entrypoint", "python3", IMAGE, "-c", LISTING).stdout
    own = ("--tmpfs", "/state:mode=1777", "--tmpfs", "/stage:mode=1777", "--network", "none")
    watch = ("watch", "/data/checkpoints", "--once", "--wandb", "off", "--samples", "2", "--max-tokens", "16")
    done = engine.run("run", "--rm", *data, *own, IMAGE, *watch, "--val", "/data/val.jsonl")
    after = engine.run("run", "--rm", "--user", "0", *data, "--entrypoint", "python3", IMAGE, "-c", LISTING).stdout
    require(" evaluated: " in done.stdout + done.stderr, "that uimon evaluated nothing.")
    require(before.count("safetensors") > 0 and before == after, f"the trainer's files changed:\n{before}\n{after}")
    say(f"read-only mount: {len(before.splitlines())} files and directories unchanged by an evaluation")


def prove_umask(engine: Engine) -> None:
    """Checkpoints of a trainer with a strict umask: `uimon doctor` names their owner, and is content as that user."""
    volume = "uimon-demo_data:/data"
    strict = "umask 077; cp -r /data/checkpoints /data/strict && chmod 755 /data/strict"
    engine.inside(IMAGE, strict, "--volume", volume)
    doctor = ("doctor", "/data/strict", "--val", "/data/val.jsonl", "--json")
    answers = {}
    for user in ("4242:4242", "10001:10001"):
        done = engine.run("run", "--rm", "--user", user, "--volume", f"{volume}:ro", IMAGE, *doctor, check=False)
        answers[user] = next(c for c in json.loads(done.stdout)["checks"] if c["name"] == "checkpoints")
    other, same = answers.values()
    require("user 10001 and group 10001 with mode 700, and user 4242" in other["sentence"], f"doctor says {answers}")
    require(same["status"] == "ok", f"doctor says {answers}")
    say(f"doctor: {other['sentence']} {other['next_step']}")


# The other compose file, as a user starts it, but for its GPUs.


def prove_compose(engine: Engine) -> None:
    """docker-compose.yml with its `.env`, as in docs/containers.md: the CPU image stands for both images, the stand-in
    for W&B. uimon is killed once, and the restart policy brings it back."""
    files = (DOCKER / "docker-compose.yml", ROOT / "tests" / "docker" / "no-gpu.yml")
    with tempfile.TemporaryDirectory() as place:
        project = Project(engine, "uimon-proof", files, _site(Path(place)))
        engine.remove("uimon-proof")
        try:
            project.up("trainer", "uimon")
            _kill_and_await(engine)
        finally:
            engine.remove("uimon-proof")


def _site(place: Path) -> dict[str, str]:
    """The directory, prompts and key of somebody with user id 1234, for whom alone the key is."""
    from watcher.demo.dataset import write_dataset

    (place / "ckpts").mkdir()
    (place / "key").write_text((DOCKER / "demo-wandb-key.txt").read_text())
    write_dataset(place)
    place.chmod(0o755)
    for path in (place / "ckpts", place / "key", place / "val.jsonl"):
        os.chown(path, 1234, 1234)
    (place / "key").chmod(0o400)
    train = "python3 -m watcher.demo.trainer --out /tmp/out --report-to wandb --steps 40 --save-steps 20"
    return {
        "RUN_ID": "ui-1",
        "TRAINER_IMAGE": IMAGE,
        "TRAINER_COMMAND": f"sh -c 'mkdir /tmp/out && ln -s /ckpts /tmp/out/checkpoints && exec {train}'",
        "CKPTS": str(place / "ckpts"),
        "VAL": str(place / "val.jsonl"),
        "WANDB_KEY_FILE": str(place / "key"),
        "WANDB_PROJECT": "uimon-demo",
        "WANDB_BASE_URL": "http://127.0.0.1:8475",
        "RUN_AS": "1234:1234",
    }


def _kill_and_await(engine: Engine) -> None:
    uimon, standin = "uimon-proof-uimon", "uimon-proof-standin"
    wait_until("uimon does not begin", lambda: "Watching /ckpts" in engine.log(uimon))
    engine.run("exec", uimon, "python3", "-c", KILL_UIMON)
    wait_until("uimon is not started again", lambda: engine.log(uimon).count("Watching /ckpts") == 2, 120)
    say("restart policy: uimon was killed inside of its container, and is back")
    wait_until("uimon does not end", lambda: engine.state(uimon) == ("exited", 0))
    told = json.loads(engine.run("exec", standin, "python3", "-c", STATE_OF_STANDIN).stdout)
    rows = told["history"]["stand-in/uimon-demo/ui-1"]
    uids = [row["eval/uid"] for row in rows if "eval/uid" in row]
    require(len(uids) == len(set(uids)) == 2, f"the run has the evaluations {uids}.")
    say("docker-compose.yml without its GPUs, as user 1234: both checkpoints are in the run, once")


PROOFS: Final[dict[str, Callable[[Engine], None]]] = {
    "image": prove_image,
    "demo": prove_demo,
    "disturbed": prove_disturbed,
    "compose": prove_compose,
}


def main() -> int:
    """Run the proofs that are named, or all of them in turn."""
    engine = find_engine()
    if engine is None:
        sys.stderr.write("SKIPPED: no container engine (neither docker nor podman with its compose answers)\n")
        return NO_ENGINE
    say(f"with {engine.run('--version').stdout.strip()} and {shlex.join(engine.compose)}")
    try:
        for name in sys.argv[1:] or PROOFS:
            PROOFS[name](engine)
    except NotProven as error:
        sys.stderr.write(f"NOT PROVEN: {error}\n")
        return 1
    finally:
        engine.remove("uimon-demo")
    say("proven")
    return 0


if __name__ == "__main__":
    sys.exit(main())
