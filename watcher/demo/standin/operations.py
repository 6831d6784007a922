"""The GraphQL operations that the W&B SDK sends, answered from the store.

Answers hold every field that the SDK's own document asks for, whatever the query selects: the SDK ignores the
rest. An operation that is not in the table is refused by the server and listed, so that a test can assert
that a client needed nothing this stand-in does not have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote

from watcher.demo.standin.store import JsonObject, RecordedAlert, RunRecord, StandinStore, Variables

ENTITY = "stand-in"
_OPERATION = re.compile(r"\b(?:query|mutation)\s+(\w+)")


class UnknownOperationError(LookupError):
    """The client sent an operation that the stand-in does not speak."""


def operation_name(document: str, named: str | None) -> str:
    """The operation's name: the request's `operationName`, else the first one in the document.

    >>> operation_name("#graphql\\n query RunFiles($a: Int) { x }", None)
    'RunFiles'
    """
    if named:
        return named
    found = _OPERATION.search(document)
    return found.group(1) if found else ""


class Operations:
    """Answers operations by name; `base` is the server's URL, which upload addresses are built from."""

    def __init__(self, store: StandinStore, base: str) -> None:
        self._store = store
        self._base = base
        self._table: dict[str, Callable[[Variables], JsonObject]] = {
            "ServerFeaturesQuery": lambda _: {"serverInfo": {"features": []}},
            "ServerInfo": lambda _: {"serverInfo": {"cliVersionInfo": {"max_cli_version": "99.0.0"}}},
            "Viewer": self._viewer,
            "GetViewer": self._viewer,
            "GetDefaultEntity": self._viewer,
            "OrganizationCoreWeaveOrganizationID": lambda _: {"entity": {"organization": None}},
            "XXHashDigestsEnabled": lambda _: {"entity": {"xxhashDigestsEnabled": False}},
            "RunResumeStatus": self._resume_status,
            "UpsertBucket": self._upsert,
            "UpdateRunState": self._update_state,
            "CreateRunFiles": self._create_files,
            "MarkRunFilesUploaded": lambda _: {"markRunFilesUploaded": {"success": True}},
            "RunStoppedStatus": lambda _: {"project": {"run": {"stopped": False}}},
            "NotifyScriptableRunAlert": self._alert,
            "ArtifactType": lambda _: {"project": {"artifact": None}},
            "CreateArtifact": self._create_artifact,
            "CreateArtifactFiles": self._create_artifact_files,
            "CreateArtifactManifest": self._create_manifest,
            "UpdateArtifactManifest": self._update_manifest,
            "CommitArtifact": self._commit_artifact,
            "ClientIDMapping": self._client_id,
            "Run": self._run,
            "RunState": self._run,
            "RunHistoryKeys": self._run,
            "RunParquetHistory": self._parquet,
            "HistoryPage": self._history_page,
            "SampledHistoryPage": self._sampled_page,
            "RunFiles": self._run_files,
            "GetProjects": self._projects,
            "Runs": self._runs,
        }

    def answer(self, name: str, variables: Variables) -> JsonObject:
        """The `data` of operation `name`; raises `UnknownOperationError` for one that is not spoken here."""
        handler = self._table.get(name)
        if handler is None:
            raise UnknownOperationError(name)
        return handler(variables)

    def _find(self, variables: Variables) -> RunRecord | None:
        name = variables.get("name") or variables.get("run") or variables.get("runName") or ""
        return self._store.find(variables.get("entity") or ENTITY, variables.get("project") or "uncategorized", name)

    def _viewer(self, _: Variables) -> JsonObject:
        return {
            "viewer": {
                "id": "stand-in-user",
                "entity": ENTITY,
                "username": ENTITY,
                "name": ENTITY,
                "email": "nobody@localhost",
                "admin": False,
                "flags": "{}",
                "deletedAt": None,
                "apiKeys": {"edges": []},
                "teams": {"edges": [{"node": {"name": ENTITY}}]},
            }
        }

    def _resume_status(self, variables: Variables) -> JsonObject:
        run = self._find(variables)
        entity, project = variables.get("entity") or ENTITY, variables.get("project") or "uncategorized"
        bucket = None if run is None else self._bucket(run)
        return {"model": {"id": project, "name": project, "entity": {"id": entity, "name": entity}, "bucket": bucket}}

    def _bucket(self, run: RunRecord) -> JsonObject:
        telemetry = (run.config.get("_wandb") or {}).get("value", {}).get("t", {})
        return {
            "id": run.storage_id,
            "name": run.name,
            "displayName": run.display_name,
            "description": None,
            "sweepName": None,
            "project": {"id": run.project, "name": run.project, "entity": {"id": run.entity, "name": run.entity}},
            "summaryMetrics": json.dumps(run.summary),
            "config": json.dumps(run.config),
            "logLineCount": sum(len(lines) for lines in run.logs.values()),
            "historyLineCount": len(run.history),
            "eventsLineCount": len(run.events),
            "historyTail": json.dumps([json.dumps(row) for row in run.history[-1:]]),
            "eventsTail": json.dumps(run.events[-1:]),
            "tags": run.attributes.get("tags") or [],
            "notes": run.attributes.get("notes"),
            "wandbConfig": json.dumps({"t": telemetry}),
        }

    def _upsert(self, variables: Variables) -> JsonObject:
        run = self._store.find_by_storage_id(variables["id"]) if variables.get("id") else None
        inserted = False
        if run is None:
            entity, project = variables.get("entity") or ENTITY, variables.get("project") or "uncategorized"
            run, inserted = self._store.upsert(entity, project, variables.get("name") or variables["id"])
        if variables.get("config"):
            run.config = json.loads(variables["config"])
        if variables.get("summaryMetrics"):
            self._store.summarize(run, json.loads(variables["summaryMetrics"]))
        run.display_name = variables.get("displayName") or variables.get("display_name") or run.display_name
        for key in ("tags", "notes", "groupName", "jobType", "host", "program"):
            if variables.get(key):
                run.attributes[key] = variables[key]
        return {"upsertBucket": {"bucket": {**self._bucket(run), **self._public(run)}, "inserted": inserted}}

    def _update_state(self, variables: Variables) -> JsonObject:
        run = self._store.find_by_storage_id(variables["input"]["id"])
        if run is not None:
            run.become(variables["input"]["state"], self._store.clock())
        return {"updateRunState": {"success": run is not None}}

    def _create_files(self, variables: Variables) -> JsonObject:
        run = self._find(variables)
        files = [
            {"name": name, "uploadUrl": self._file_url(run, name)} for name in variables["files"] if run is not None
        ]
        run_id = None if run is None else run.storage_id
        return {"createRunFiles": {"runID": run_id, "uploadHeaders": [], "files": files}}

    def _file_url(self, run: RunRecord, name: str) -> str:
        return f"{self._base}/storage/run/{quote(run.path)}/{quote(name)}"

    def _alert(self, variables: Variables) -> JsonObject:
        path = f"{variables['entityName']}/{variables['projectName']}/{variables['runName']}"
        severity = variables.get("severity") or "INFO"
        alert = RecordedAlert(path, variables["title"], variables["text"], severity, self._store.clock())
        wait_s = float(variables.get("waitDuration") or 0) / 1000
        self._store.take_alert(alert, wait_s)
        return {"notifyScriptableRunAlert": {"success": True}}

    def _create_artifact(self, variables: Variables) -> JsonObject:
        wanted = variables["input"]
        artifact_id = f"artifact-{len(self._store.artifacts) + 1}"
        self._store.artifacts[artifact_id] = {"input": wanted, "files": {}, "state": "PENDING"}
        if wanted.get("clientID"):
            self._store.client_ids[wanted["clientID"]] = artifact_id
        artifact = {"id": artifact_id, "state": "PENDING", "artifactSequence": {"latestArtifact": None}}
        return {"createArtifact": {"artifact": artifact}}

    def _create_artifact_files(self, variables: Variables) -> JsonObject:
        edges = []
        for wanted in variables["input"]["artifactFiles"]:
            artifact_id, name = wanted["artifactID"], wanted["name"]
            node: JsonObject = {
                "storagePath": f"{artifact_id}/{name}",
                "uploadUrl": f"{self._base}/storage/artifact/{artifact_id}/{quote(name)}",
                "uploadHeaders": [],
                "uploadMultipartUrls": None,
                "artifact": {"id": artifact_id},
            }
            edges.append({"node": node})
        return {"createArtifactFiles": {"files": {"edges": edges}}}

    def _create_manifest(self, variables: Variables) -> JsonObject:
        return {"createArtifactManifest": self._manifest(variables["artifactID"])}

    def _update_manifest(self, variables: Variables) -> JsonObject:
        return {"updateArtifactManifest": self._manifest(variables["artifactManifestID"].removeprefix("manifest-"))}

    def _manifest(self, artifact_id: str) -> JsonObject:
        url = f"{self._base}/storage/artifact/{artifact_id}/wandb_manifest.json"
        file = {"id": f"file-{artifact_id}", "uploadUrl": url, "uploadHeaders": []}
        return {"artifactManifest": {"id": f"manifest-{artifact_id}", "file": file}}

    def _commit_artifact(self, variables: Variables) -> JsonObject:
        artifact_id = variables["artifactID"]
        self._store.artifacts[artifact_id]["state"] = "COMMITTED"
        return {"commitArtifact": {"artifact": {"id": artifact_id, "digest": artifact_id}}}

    def _client_id(self, variables: Variables) -> JsonObject:
        server_id = self._store.client_ids.get(variables["clientID"])
        return {"clientIDMapping": None if server_id is None else {"serverID": server_id}}

    def _run(self, variables: Variables) -> JsonObject:
        run = self._find(variables)
        return {"project": {"run": None if run is None else self._public(run)}}

    def _public(self, run: RunRecord) -> JsonObject:
        keys = {key: {"previousValue": None} for key in sorted(run.history_keys)}
        return {
            "id": run.storage_id,
            "projectId": "1",
            "name": run.name,
            "displayName": run.display_name,
            "state": run.state,
            "config": json.dumps(run.config),
            "summaryMetrics": json.dumps(self._store.shown_summary(run)),
            "systemMetrics": "{}",
            "historyLineCount": self._store.visible(run),
            "historyKeys": {"lastStep": self._store.visible_last_step(run), "sets": [], "keys": keys},
            "tags": run.attributes.get("tags") or [],
            "notes": run.attributes.get("notes"),
            "group": run.attributes.get("groupName"),
            "jobType": run.attributes.get("jobType"),
            "sweepName": None,
            "commit": None,
            "description": None,
            "readOnly": False,
            "createdAt": _iso(run.created),
            "heartbeatAt": _iso(run.heartbeat),
            "user": {"name": ENTITY, "username": ENTITY},
        }

    def _projects(self, variables: Variables) -> JsonObject:
        entity = variables.get("entity") or ENTITY
        names = sorted({run.project for run in self._store.runs.values() if run.entity == entity})
        edges = [{"cursor": name, "node": self._project(entity, name)} for name in names]
        return {"models": {"pageInfo": _LAST_PAGE, "edges": edges}}

    def _project(self, entity: str, name: str) -> JsonObject:
        user = self._viewer({})["viewer"]
        about = {"__typename": "Project", "id": f"{entity}/{name}", "name": name, "entityName": entity}
        return {**about, "createdAt": _iso(0), "isBenchmark": False, "user": user}

    def _runs(self, variables: Variables) -> JsonObject:
        """The runs of a project that one of the filter's names fits; the SDK sends its filters as JSON."""
        entity, project = variables["entity"], variables["project"]
        if not self._store.project_exists(entity, project):
            return {"project": None}
        wanted = json.loads(variables.get("filters") or "{}").get("$or", [{}])
        there = (run for run in self._store.runs.values() if (run.entity, run.project) == (entity, project))
        runs = [run for run in there if any(_fits(run, condition) for condition in wanted)]
        edges = [{"cursor": run.name, "node": self._public(run)} for run in runs]
        found = {"edges": edges, "pageInfo": _LAST_PAGE}
        return {"project": {"internalId": "1", "runCount": len(runs), "readOnly": False, "runs": found}}

    def _parquet(self, variables: Variables) -> JsonObject:
        run = self._find(variables)
        # The SDK uses the smallest step of `liveData` only: from there on it asks for pages.
        live = [] if run is None else [{"_step": row["_step"]} for row in run.history[:1]]
        return {"project": {"run": {"parquetHistory": {"parquetUrls": [], "liveData": live}}}}

    def _history_page(self, variables: Variables) -> JsonObject:
        run = self._find(variables)
        if run is None:
            return {"project": {"run": None}}
        rows = self._store.page(run, int(variables["minStep"]), int(variables["maxStep"]))
        return {"project": {"run": {"history": [json.dumps(row) for row in rows]}}}

    def _sampled_page(self, variables: Variables) -> JsonObject:
        run = self._find(variables)
        if run is None:
            return {"project": {"run": None}}
        spec = json.loads(variables["spec"])
        # Here the SDK sends the last step that it wants; in HistoryPage it sends the first that it does not.
        end = int(spec["maxStep"]) + 1
        rows = list(self._store.page(run, int(spec["minStep"]), end, spec["keys"]))
        return {"project": {"run": {"sampledHistory": [rows]}}}

    def _run_files(self, variables: Variables) -> JsonObject:
        run = self._find(variables)
        if run is None:
            return {"project": {"internalId": "1", "run": None}}
        wanted = variables.get("fileNames") or sorted(run.files)
        edges = [{"cursor": name, "node": self._file_node(run, name)} for name in wanted if name in run.files]
        files = {"edges": edges, "pageInfo": _LAST_PAGE}
        return {"project": {"internalId": "1", "run": {"fileCount": len(run.files), "files": files}}}

    def _file_node(self, run: RunRecord, name: str) -> JsonObject:
        url = self._file_url(run, name)
        size = len(run.files[name])
        node = {"id": f"{run.storage_id}/{name}", "name": name, "url": url, "directUrl": url, "sizeBytes": size}
        return {**node, "mimetype": "application/octet-stream", "updatedAt": _iso(run.uploaded.get(name, 0)), "md5": ""}


_LAST_PAGE: JsonObject = {"__typename": "PageInfo", "endCursor": None, "hasNextPage": False}


def _fits(run: RunRecord, condition: Variables) -> bool:
    """Whether a run is what a filter asks for: `name` is its id, `display_name` what people see."""
    known = {"name": run.name, "display_name": run.display_name}
    return all(known.get(field) == value for field, value in condition.items())


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
