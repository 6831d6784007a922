"""One HTTP request to the stand-in: authentication, faults, and the way to the store, a page or an admin answer."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from watcher.demo.standin.faults import Fault, FaultKind, Faults
from watcher.demo.standin.lag import ReadLag
from watcher.demo.standin.operations import Operations, UnknownOperationError, operation_name
from watcher.demo.standin.page import missing_page, run_page, runs_page
from watcher.demo.standin.store import JsonObject, RunRecord, StandinStore

ADMIN = "/_standin/"
_SDK_USAGE = "/sdk/otel/"
_STREAM = re.compile(r"^/files/([^/]+)/([^/]+)/([^/]+)/file_stream$")
_STORAGE_RUN = re.compile(r"^/storage/run/([^/]+)/([^/]+)/([^/]+)/(.+)$")
_STORAGE_ARTIFACT = re.compile(r"^/storage/artifact/([^/]+)/(.+)$")
_RUN_PAGE = re.compile(r"^/([^/]+)/([^/]+)/runs/([^/]+)/?$")


@dataclass(slots=True)
class Shared:
    """What all requests of one server share; `lock` guards everything else in here."""

    key: str
    store: StandinStore
    operations: Operations
    faults: Faults = field(default_factory=Faults)
    lock: threading.RLock = field(default_factory=threading.RLock)
    unknown: list[str] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    refused_keys: int = 0
    received_bytes: int = 0

    def state(self, *, rows: bool = True) -> JsonObject:
        """Everything that happened, as plain JSON; without `rows`, history lines are counted only."""
        with self.lock:
            return {
                "runs": {path: _run_state(run) for path, run in self.store.runs.items()},
                "history": {path: list(run.history) if rows else [] for path, run in self.store.runs.items()},
                "clobbered": [asdict(lost) for lost in self.store.clobbered],
                "unknown": list(self.unknown),
                "alerts": [asdict(alert) for alert in self.store.alerts],
                "requests": dict(self.requests),
                "refused_keys": self.refused_keys,
                "received_bytes": self.received_bytes,
            }


def _run_state(run: RunRecord) -> JsonObject:
    return {
        "state": run.state,
        "states": [state for _, state in run.states],
        "exit_code": run.exit_code,
        "history_lines": len(run.history),
        "config": run.config,
        "summary": run.summary,
        "files": {name: len(content) for name, content in run.files.items()},
        "logs": {name: len(lines) for name, lines in run.logs.items()},
        "events": len(run.events),
    }


class StandinHandler(BaseHTTPRequestHandler):
    """Serves one connection. `shared` is set on the subclass that each server makes for itself."""

    shared: ClassVar[Shared]
    protocol_version = "HTTP/1.1"
    timeout = 120

    def do_GET(self) -> None:
        """Pages, downloads and the admin state."""
        self._serve()

    def do_POST(self) -> None:
        """GraphQL, file streams and admin commands."""
        self._serve()

    def do_PUT(self) -> None:
        """Uploads."""
        self._serve()

    def do_DELETE(self) -> None:
        """Taking faults back."""
        self._serve()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the SDK's requests would drown what the program that hosts the stand-in has to say."""

    def _serve(self) -> None:
        body = self._body()
        path = unquote(urlsplit(self.path).path)
        if path.startswith(ADMIN):
            self._answer_json(200, self._admin(path.removeprefix(ADMIN), body))
            return
        query: JsonObject = json.loads(body) if path == "/graphql" and body else {}
        operation = operation_name(query.get("query", ""), query.get("operationName")) if query else ""
        fault = self._pick_fault(f"{self.command} {path} {operation}", body)
        if fault is None:
            self._answer(*self._route(path, body, query, operation))
        elif fault.kind is FaultKind.STATUS:
            self._answer_json(fault.status, {"error": "fault injected"})
        else:
            self._commit(fault, lambda: self._route(path, body, query, operation))

    def _commit(self, fault: Fault, route: Callable[[], tuple[int, str, bytes]]) -> None:
        """Serve a request as the fault has it."""
        if fault.kind is FaultKind.DELAY:
            time.sleep(fault.wait)
        answer = route() if fault.kind.applies else None
        if fault.kind is FaultKind.REPEAT:
            route()
        if answer is None or not fault.kind.answers:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if fault.kind is FaultKind.LATE:
            time.sleep(fault.wait)
        for _ in range(2 if fault.kind is FaultKind.ECHO else 1):
            self._answer(*answer)

    def _pick_fault(self, request: str, body: bytes) -> Fault | None:
        with self.shared.lock:
            return self.shared.faults.pick(request, body)

    def _route(self, path: str, body: bytes, query: JsonObject, operation: str) -> tuple[int, str, bytes]:
        with self.shared.lock:
            if query:
                return self._graphql(query, operation)
            if found := _STREAM.match(path):
                return self._stream(found.groups(), body)
            if path.startswith("/storage/"):
                return self._storage(path, body)
            if path.startswith(_SDK_USAGE):
                # The SDK's reports about itself: it takes a 404 for a server without them, and stops.
                return _json(404, {"error": "no usage reports here"})
            return self._page(path)

    def _graphql(self, query: JsonObject, operation: str) -> tuple[int, str, bytes]:
        if not self._authorized():
            return _json(401, {"errors": [{"message": "user is not logged in"}]})
        self.shared.requests[operation] += 1
        try:
            data = self.shared.operations.answer(operation, query.get("variables") or {})
        except UnknownOperationError:
            self.shared.unknown.append(operation)
            return _json(400, {"errors": [{"message": f"the stand-in does not speak {operation!r}"}]})
        return _json(200, {"data": data})

    def _stream(self, names: tuple[str, ...], body: bytes) -> tuple[int, str, bytes]:
        if not self._authorized():
            return _json(401, {"error": "user is not logged in"})
        shared_mode = (self.headers.get("X-WANDB-USE-ASYNC-FILESTREAM") or "").lower() == "true"
        self.shared.requests["file_stream:shared" if shared_mode else "file_stream:default"] += 1
        run = self.shared.store.find(*names)
        if run is None:
            return _json(404, {"error": "run not found"})
        self.shared.store.stream(run, json.loads(body or b"{}"), shared=shared_mode)
        return _json(200, {"exitcode": None, "limits": {}})

    def _storage(self, path: str, body: bytes) -> tuple[int, str, bytes]:
        if found := _STORAGE_RUN.match(path):
            entity, project, name, file = found.groups()
            run = self.shared.store.find(entity, project, name)
            files = None if run is None else run.files
            if run is not None and self.command == "PUT":
                run.uploaded[file] = self.shared.store.clock()
        elif found := _STORAGE_ARTIFACT.match(path):
            artifact_id, file = found.groups()
            artifact = self.shared.store.artifacts.get(artifact_id)
            files = None if artifact is None else artifact["files"]
        else:
            files, file = None, ""
        if files is None:
            return self._unknown(path)
        if self.command == "PUT":
            self.shared.requests["upload"] += 1
            files[file] = body
            return _json(200, {})
        if file not in files:
            return _json(404, {"error": "no such file"})
        return 200, "application/octet-stream", files[file]

    def _page(self, path: str) -> tuple[int, str, bytes]:
        if self.command != "GET":
            return self._unknown(path)
        if path == "/":
            return 200, "text/html", runs_page(self.shared.store.runs.values()).encode()
        found = _RUN_PAGE.match(path)
        run = self.shared.store.find(*found.groups()) if found else None
        if run is None:
            return 404, "text/html", missing_page(path).encode()
        return 200, "text/html", run_page(run).encode()

    def _unknown(self, path: str) -> tuple[int, str, bytes]:
        self.shared.unknown.append(f"{self.command} {path}")
        return _json(400, {"error": f"the stand-in does not know {self.command} {path}"})

    def _authorized(self) -> bool:
        scheme, _, token = (self.headers.get("Authorization") or "").partition(" ")
        try:
            key = base64.b64decode(token).decode().partition(":")[2] if scheme == "Basic" else token
        except (binascii.Error, UnicodeDecodeError):
            key = ""
        if key != self.shared.key:
            self.shared.refused_keys += 1
            return False
        return True

    def _admin(self, command: str, body: bytes) -> JsonObject:
        """One admin command: `state` (GET), `faults` (POST one, DELETE all), `run` (set a state), `read_lag`
        (`seconds`, or the fields of a `ReadLag`).
        """
        shared = self.shared
        if self.command == "GET" and command == "state":
            rows = parse_qs(urlsplit(self.path).query).get("rows", ["1"])[0] != "0"
            return shared.state(rows=rows)
        wanted: JsonObject = json.loads(body) if body else {}
        with shared.lock:
            if command == "faults" and self.command == "DELETE":
                shared.faults.clear()
            elif command == "faults":
                shared.faults.add(Fault(**{**wanted, "kind": FaultKind(wanted.get("kind", FaultKind.STATUS))}))
            elif command == "run":
                shared.store.runs[wanted["path"]].become(wanted["state"], shared.store.clock())
            elif command == "read_lag":
                seconds = wanted.pop("seconds", None)
                shared.store.read_lag = ReadLag(**wanted) if seconds is None else ReadLag.of(float(seconds))
            else:
                return {"error": f"no admin command {command!r}"}
        return {"ok": True}

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.shared.lock:
            self.shared.received_bytes += len(body)
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _answer_json(self, status: int, answer: JsonObject) -> None:
        self._answer(*_json(status, answer))

    def _answer(self, status: int, kind: str, answer: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
        self.send_header("Content-Length", str(len(answer)))
        # Model output is shown on these pages: nothing in it may load or run, whatever the escaping missed.
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(answer)


def _json(status: int, answer: JsonObject) -> tuple[int, str, bytes]:
    return status, "application/json", json.dumps(answer).encode()
