"""What a session's environment holds, and that keys leave no trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from watcher.trackers.wandb.environment import key_from_file, redact, session_environment
from watcher.trackers.wandb.wire import Limits


def test_session_knows_the_server_and_nothing_of_the_trainers_run(tmp_path: Path) -> None:
    environ = {
        "PATH": "/bin",
        "WANDB_BASE_URL": "http://localhost:1",
        "WANDB_API_KEY": "k",
        "WANDB_SERVICE": "x",
        "WANDB_MODE": "shared",
        "WANDB_RUN_ID": "trainer",
        "WANDB_X_LABEL": "trainer",
        "WANDB_DIR": "/home/trainer",
        "AWS_SECRET_ACCESS_KEY": "s",
        "UIMON_WEBHOOK": "s",
        "HF_TOKEN": "s",
        "HTTPS_PROXY": "http://user:password@proxy",
    }
    session = session_environment(environ, tmp_path, Limits(retries=3))
    assert {key: session[key] for key in ("PATH", "WANDB_BASE_URL", "WANDB_API_KEY")} == {
        "PATH": "/bin",
        "WANDB_BASE_URL": "http://localhost:1",
        "WANDB_API_KEY": "k",
    }
    assert not {"WANDB_SERVICE", "WANDB_MODE", "WANDB_RUN_ID", "WANDB_X_LABEL"} & set(session)
    assert "s" not in session.values()
    assert session["HTTPS_PROXY"] == "http://user:password@proxy"
    assert session["WANDB_DIR"] == session["WANDB_CACHE_DIR"] == str(tmp_path)
    assert session["WANDB_X_FILE_TRANSFER_RETRY_MAX"] == session["WANDB_X_GRAPHQL_RETRY_MAX"] == "3"
    # Rows are appended: their requests are not repeated as long as a session lives.
    assert session["WANDB_X_FILE_STREAM_RETRY_MAX"] == "1"
    assert float(session["WANDB_X_FILE_STREAM_RETRY_WAIT_MIN_SECONDS"]) > 3_600


def test_relative_paths_still_lead_to_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    session = session_environment({"WANDB_API_KEY_FILE": "secret", "NETRC": "/n"}, Path("/state"), Limits())
    assert session["WANDB_API_KEY_FILE"] == str(tmp_path / "secret")
    assert session["NETRC"] == "/n"


def test_long_directory_is_no_place_for_sockets(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 80)
    assert "TMPDIR" not in session_environment({}, deep, Limits())
    assert session_environment({}, Path("/state"), Limits())["TMPDIR"] == "/state"


def test_explicit_key_goes_before_the_key_file(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("from-file\n")
    assert key_from_file({"WANDB_API_KEY_FILE": str(secret)}) == "from-file"
    assert key_from_file({"WANDB_API_KEY_FILE": str(secret), "WANDB_API_KEY": "k"}) is None
    assert key_from_file({}) is None


@pytest.mark.parametrize("environ", [{}, {"WANDB_API_KEY": "0123456789" * 4}])
@pytest.mark.parametrize("key", ["0123456789" * 4, "wandb_v1_" + "aB3" * 20, "local-" + "f0" * 20])
def test_key_is_redacted(key: str, environ: dict[str, str]) -> None:
    """Also where no variable holds it: `wandb login` keeps it in a file."""
    assert redact(f"POST failed for {key}: 401", environ) == "POST failed for ***: 401"


@pytest.mark.parametrize("text", ["/state/" + "a" * 50 + "/x", "0a" * 32, "run " + "my_long_name_of_a_run_" * 3])
def test_paths_digests_and_long_names_are_not_taken_for_keys(text: str) -> None:
    assert redact(text, {}) == text
