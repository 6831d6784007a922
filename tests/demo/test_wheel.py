"""The wheel: all that the code reads is in it, and the installed command works without the tree."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

# The build and the installation take seconds, and a minute beside other tests.
pytestmark = pytest.mark.timeout(180)

ROOT = Path(__file__).resolve().parents[2]
NOT_READ = {".pyc", ".mjs", ".svg"}
"""What only writes other files, or is a picture for README."""
MADE_OF = ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "scorers", "watcher")


def pip(python: Path | str, *arguments: str | Path) -> None:
    """Run pip for this interpreter, whose environment need not have one."""
    own = importlib.util.find_spec("pip") is not None
    program = sys.executable if own else f"python3.{sys.version_info.minor}"
    command = [program, "-m", "pip", "--python", python, "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def uimon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of an environment that holds the wheel, and of the tree nothing. What uimon needs is lent to it."""
    place = tmp_path_factory.mktemp("wheel")
    (place / "tree").mkdir()
    for name in MADE_OF:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, place / "tree" / name)
    pip(sys.executable, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", place, place / "tree")
    (wheel,) = place.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place / "venv"], check=True)
    pip(place / "venv/bin/python", "install", "--no-deps", "--no-index", wheel)
    # Nothing in a lent directory is taken for a .pth file, so the tree's own installation stays out of it.
    (packages(place / "venv") / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place / "venv/bin/uimon"


def packages(venv: Path) -> Path:
    (found,) = venv.glob("lib/python3.*/site-packages")
    return found


def run(uimon: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([uimon, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_the_command_of_the_wheel_scores_every_language_without_the_tree(uimon: Path, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text('<div class="bg-primary p-4">a</div>')
    (tmp_path / "app.tsx").write_text('export default () => <div className="text-red-500">a</div>')
    (tmp_path / "card.vue").write_text('<template><p class="p-4">a</p></template>')
    done = run(uimon, "score", "page.html", "app.tsx", "card.vue", "--theme", "shadcn", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"outcome": "valid"') == 3


def test_the_wheel_holds_every_file_that_the_code_reads(uimon: Path) -> None:
    held = packages(uimon.parents[1])
    files = [path.relative_to(ROOT) for room in ("scorers", "watcher") for path in (ROOT / room).rglob("*")]
    read = sorted(file for file in files if file.suffix and file.suffix not in NOT_READ)
    assert Path("scorers/tailwind/shadcn.css") in read
    assert [file for file in read if not (held / file).is_file()] == []


def test_the_command_of_the_wheel_shows_its_help(uimon: Path, tmp_path: Path) -> None:
    assert "watch" in run(uimon, "--help", cwd=tmp_path).stdout
