"""A scorer of the user's in a process of its own: `-m watcher.evaluation.plugin_host … -- NAME`.

User code may hang, and a thread that hangs cannot be ended; within a regular expression it even stops all others. A
process can be killed. It ends with its parent.

One JSON object a line: `{"measure": {completion}, "sample": {…}}` is answered by `{"value": …}` or `{"error": "…"}`,
`{"aggregate": [answers]}` by `{"metrics": {…}, "failure": "…"}`. The first line comes from here and is `{"name": …,
"version": …, "content": …}`, or `{"error": "…"}` for a scorer that cannot be loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scorers import Completion, Outcome, Plugin, Sample, ScorerError, load_plugins
from watcher.system.lifeline import child_arguments, join_parent
from watcher.system.lines import LineSocket


def answer(plugin: Plugin, request: Mapping[str, Any]) -> dict[str, Any]:
    """What the scorer says to one request; never raises for what it does."""
    if "measure" in request:
        return plugin.measured(Completion(**request["measure"]), Sample.from_dict(request["sample"]))
    blank = Sample("", Outcome.VALID, None)
    metrics, failure = plugin.aggregated(replace(blank, extras={plugin.name: said}) for said in request["aggregate"])
    return {"metrics": metrics, "failure": failure}


def serve(name: str, parent: LineSocket) -> None:
    """Answer until the parent hangs up."""
    try:
        (plugin,) = load_plugins([name])
    except ScorerError as error:
        parent.send_object({"error": str(error)})
        return
    parent.send_object({"name": plugin.name, "version": plugin.scorer.version, "content": plugin.content})
    while True:
        try:
            request = parent.receive_object()
        except EOFError:
            return
        parent.send_object(answer(plugin, request))


def main() -> None:
    """Serve the scorer that is named."""
    parser = child_arguments()
    parser.add_argument("name")
    options = parser.parse_args()
    serve(options.name, join_parent(options))


if __name__ == "__main__":
    main()
