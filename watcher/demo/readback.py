"""Reads a run back through W&B's public API, as `python -m watcher.demo.readback PATH`; JSON on standard output.

A process of its own, since the SDK takes server, key and directories from the environment it is imported in.
"""

from __future__ import annotations

import json
import sys

import wandb


def main() -> int:
    """Print `{"url", "state", "rows"}` of the run `PATH`; with `--account`, only ask whether a key works."""
    try:
        api = wandb.Api(timeout=30)
        if sys.argv[1:] == ["--account"]:
            sys.stdout.write(str(api.viewer.username) + "\n")
            return 0
        run = api.run(sys.argv[1])
        rows = [dict(row) for row in run.scan_history(use_cache=False)]
    except (wandb.Error, ValueError) as error:
        # The SDK raises ValueError for a run that is not there.
        sys.stderr.write(f"{error}\n")
        return 1
    json.dump({"url": run.url, "state": run.state, "rows": rows}, sys.stdout, default=str)
    return 0


if __name__ == "__main__":
    sys.exit(main())
