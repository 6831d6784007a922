"""A scorer of the user's in a process of its own: `-m watcher.evaluation.plugin_host --socket N --lifeline N -- NAME`.

User code may hang, and a thread that hangs cannot be ended; within a regular expression it even stops all others. A
process can be killed. It ends with its parent. What it prints goes to the standard error, for the standard output may
be somebody's JSON.

One JSON object a line: `{"measure": {completion}, "sample": {…}}` is answered by `{"value": …}` or `{"error": "…"}`,
`{"aggregate": [answers]}` by `{"metrics": {…}, "failure": "…"}`. The first line comes from here and is `{"name": …,
"version": …, "content": …}`, or `{"error": "…"}` for a scorer that cannot be loaded.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import IO, Any

from scorers import Completion, Outcome, Plugin, Sample, ScorerError, load_plugins
from watcher.system.lifeline import tie_group_to


def answer(plugin: Plugin, request: Mapping[str, Any]) -> dict[str, Any]:
    """What the scorer says to one request; never raises for what it does."""
    if "measure" in request:
        return plugin.measured(Completion(**request["measure"]), Sample.from_dict(request["sample"]))
    blank = Sample("", Outcome.VALID, None)
    metrics, failure = plugin.aggregated(replace(blank, extras={plugin.name: said}) for said in request["aggregate"])
    return {"metrics": metrics, "failure": failure}


def serve(name: str, lines: IO[str]) -> None:
    """Answer until the parent closes its end."""

    def say(message: Mapping[str, Any]) -> None:
        lines.write(json.dumps(message) + "\n")
        lines.flush()

    try:
        (plugin,) = load_plugins([name])
    except ScorerError as error:
        say({"error": str(error)})
        return
    say({"name": plugin.name, "version": plugin.scorer.version, "content": plugin.content})
    for line in lines:
        say(answer(plugin, json.loads(line)))


def main() -> None:
    """Serve the scorer that is named, on behalf of the process that holds the other ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--lifeline", type=int, required=True)
    options = parser.parse_args()
    tie_group_to(options.lifeline)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with socket.socket(fileno=options.socket) as parent, parent.makefile("rw", encoding="utf-8") as lines:
        serve(options.name, lines)


if __name__ == "__main__":
    main()
