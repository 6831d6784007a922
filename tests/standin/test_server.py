"""The stand-in over HTTP: admin endpoints, faults, pages, and the real SDK."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from watcher.demo.standin import DUMMY_KEY, ENTITY, Fault, FaultKind, Standin, standin_environment

PATH = f"{ENTITY}/ui/r"

_CLIENT = """
import wandb

run = wandb.init(project="ui", id="r", config={"lr": 0.1})
run.define_metric("eval/*", step_metric="train/global_step")
table = wandb.Table(columns=["code"], data=[["<script>alert(1)</script>"]])
for step in range(3):
    run.log({"train/global_step": step, "eval/uid": f"u{step}", "eval/note": "<b>bold</b>"})
run.log({"train/global_step": 3, "eval/uid": "u3", "eval/sample_generations": table})
run.alert(title="Collapse", text="entropy 1.2", level=wandb.AlertLevel.WARN)
run.finish()

found = wandb.Api().run(f"{run.entity}/ui/r")
print([row["eval/uid"] for row in found.scan_history(keys=["eval/uid"], min_step=1, use_cache=False)])
print(len(list(found.scan_history(page_size=2, use_cache=False))))
print(found.state, found.config["lr"], found.summary["eval/uid"])
found.summary["eval/best"] = 7
found.summary.update()
print(wandb.Api().run(f"{run.entity}/ui/r").summary["eval/best"])
print(sorted(file.name for file in found.files() if file.name.startswith("media")) != [])
"""


@pytest.fixture
def standin() -> Iterator[Standin]:
    with Standin() as server:
        yield server


def call(standin: Standin, path: str, data: Any = None, method: str | None = None, key: str = DUMMY_KEY) -> Any:
    """The answer's text, decoded where it is JSON."""
    token = base64.b64encode(f"api:{key}".encode()).decode()
    body = None if data is None else json.dumps(data).encode()
    request = Request(standin.url + path, body, {"Authorization": f"Basic {token}"}, method=method)
    with urlopen(request, timeout=10) as answer:
        text = answer.read().decode()
        return json.loads(text) if answer.headers["Content-Type"] == "application/json" else text


def graphql(standin: Standin, operation: str, variables: dict[str, Any], key: str = DUMMY_KEY) -> Any:
    query = {"query": f"query {operation} {{ x }}", "operationName": operation, "variables": variables}
    return call(standin, "/graphql", query, key=key)


def start_run(standin: Standin) -> None:
    graphql(standin, "UpsertBucket", {"entity": ENTITY, "project": "ui", "name": "r", "config": "{}"})


def log(standin: Standin, *rows: dict[str, Any]) -> None:
    content = [json.dumps(row) for row in rows]
    call(standin, f"/files/{PATH}/file_stream", {"files": {"wandb-history.jsonl": {"offset": 0, "content": content}}})


def test_real_sdk_needs_nothing_that_the_standin_does_not_speak(standin: Standin, tmp_path: Path) -> None:
    environ = {**os.environ, **standin_environment(standin.url, tmp_path / "wandb"), "WANDB_SILENT": "true"}
    done = subprocess.run(
        [sys.executable, "-c", _CLIENT],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["['u1', 'u2', 'u3']", "4", "finished 0.1 u3", "7", "True"]
    state = call(standin, "/_standin/state")
    assert state["unknown"] == []
    assert state["clobbered"] == []
    assert [alert["title"] for alert in state["alerts"]] == ["Collapse"]
    assert [row["eval/uid"] for row in state["history"][PATH]] == ["u0", "u1", "u2", "u3"]

    page = call(standin, f"/{PATH.replace('/r', '/runs/r')}")
    assert "local stand-in, not W&amp;B" in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert "<b>bold" not in page


def test_front_page_links_to_the_runs(standin: Standin) -> None:
    assert "No run was started yet" in call(standin, "/")
    start_run(standin)
    assert f'<a href="/{ENTITY}/ui/runs/r">' in call(standin, "/")


def test_unknown_operations_and_addresses_are_refused_and_listed(standin: Standin) -> None:
    with pytest.raises(HTTPError) as operation:
        graphql(standin, "BrewCoffee", {})
    with pytest.raises(HTTPError) as address:
        call(standin, "/brew", {})
    assert (operation.value.code, address.value.code) == (400, 400)
    for refused in (operation.value, address.value):
        refused.close()
    assert standin.state()["unknown"] == ["BrewCoffee", "POST /brew"]


def test_wrong_key_opens_nothing_and_is_not_kept(standin: Standin) -> None:
    with pytest.raises(HTTPError) as refused:
        graphql(standin, "Viewer", {}, key="9" * 40)
    assert refused.value.code == 401
    refused.value.close()
    assert standin.state()["refused_keys"] == 1
    assert "9" * 40 not in json.dumps(standin.state())


def test_status_fault_hits_as_often_as_it_was_told(standin: Standin) -> None:
    call(standin, "/_standin/faults", {"match": "Viewer", "status": 503, "times": 1})
    with pytest.raises(HTTPError) as refused:
        graphql(standin, "Viewer", {})
    assert refused.value.code == 503
    refused.value.close()
    assert graphql(standin, "Viewer", {})["data"]["viewer"]["entity"] == ENTITY


def test_dropped_request_is_not_applied_and_a_lost_answer_is(standin: Standin) -> None:
    start_run(standin)
    standin.add_fault(Fault("/file_stream", FaultKind.DROP, times=1))
    with pytest.raises(http.client.RemoteDisconnected):
        log(standin, {"a": 1})
    assert standin.state()["history"][PATH] == []
    standin.add_fault(Fault("/file_stream", FaultKind.LOSE, times=1))
    with pytest.raises(http.client.RemoteDisconnected):
        log(standin, {"a": 1})
    assert len(standin.state()["history"][PATH]) == 1


def test_delayed_request_is_served(standin: Standin) -> None:
    standin.add_fault(Fault("Viewer", FaultKind.DELAY, delay=0.3, times=1))
    started = time.monotonic()
    assert graphql(standin, "Viewer", {})["data"]["viewer"]
    assert time.monotonic() - started >= 0.3


def test_late_answer_is_of_a_request_that_was_applied_before(standin: Standin) -> None:
    start_run(standin)
    standin.add_fault(Fault("/file_stream", FaultKind.LATE, delay=0.5, times=1))
    thread = threading.Thread(target=log, args=(standin, {"a": 1}))
    thread.start()
    while not standin.state()["history"][PATH]:
        time.sleep(0.01)
    assert thread.is_alive()
    thread.join()
    assert len(standin.state()["history"][PATH]) == 1


def test_request_that_a_proxy_repeats_is_applied_twice_and_answered_once(standin: Standin) -> None:
    start_run(standin)
    standin.add_fault(Fault("/file_stream", FaultKind.REPEAT, times=1))
    token = base64.b64encode(f"api:{DUMMY_KEY}".encode()).decode()
    line = {"files": {"wandb-history.jsonl": {"offset": 0, "content": ['{"a": 1}']}}}
    headers = {"Authorization": f"Basic {token}", "X-WANDB-USE-ASYNC-FILESTREAM": "true"}
    with urlopen(Request(f"{standin.url}/files/{PATH}/file_stream", json.dumps(line).encode(), headers)) as answer:
        assert json.load(answer) == {"exitcode": None, "limits": {}}
    assert [row["a"] for row in standin.state()["history"][PATH]] == [1, 1]


def test_answer_may_come_twice(standin: Standin) -> None:
    standin.add_fault(Fault("GET /", FaultKind.ECHO, times=1))
    with socket.create_connection(("127.0.0.1", int(standin.url.rpartition(":")[2])), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answers = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answers.count(b"HTTP/1.1 200") == 2


def test_admin_can_take_faults_back_set_a_state_and_a_lag(standin: Standin) -> None:
    start_run(standin)
    log(standin, {"a": 1})
    call(standin, "/_standin/faults", {"status": 500})
    call(standin, "/_standin/faults", method="DELETE")
    call(standin, "/_standin/run", {"path": PATH, "state": "crashed"})
    assert (
        graphql(standin, "Run", {"entity": ENTITY, "project": "ui", "name": "r"})["data"]["project"]["run"]["state"]
        == "crashed"
    )
    call(standin, "/_standin/read_lag", {"seconds": 60})
    keys = graphql(standin, "RunHistoryKeys", {"entity": ENTITY, "project": "ui", "name": "r"})
    assert keys["data"]["project"]["run"]["historyKeys"]["lastStep"] == -1
    call(standin, "/_standin/read_lag", {"least": 60, "most": 60, "counts": False})
    keys = graphql(standin, "RunHistoryKeys", {"entity": ENTITY, "project": "ui", "name": "r"})
    assert keys["data"]["project"]["run"]["historyKeys"]["lastStep"] == 0
    assert call(standin, "/_standin/state?rows=0")["history"] == {PATH: []}


def test_store_survives_a_restart_on_the_same_port(standin: Standin) -> None:
    start_run(standin)
    url = standin.url
    standin.stop()
    standin.start()
    assert standin.url == url
    assert list(call(standin, "/_standin/state")["runs"]) == [PATH]


def test_module_runs_as_a_process_and_writes_its_port(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    command = [sys.executable, "-m", "watcher.demo.standin", "--port-file", str(port_file)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 20
        while not port_file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with urlopen(f"http://127.0.0.1:{int(port_file.read_text())}/_standin/state", timeout=10) as answer:
            assert json.load(answer)["runs"] == {}
        process.send_signal(signal.SIGTERM)
        _, printed = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "local stand-in, not W&B" in printed
