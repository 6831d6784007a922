"""A local stand-in for the W&B server, so that everything can be seen running without an account or a network.

The real SDK talks to it over HTTP. It is not W&B: what W&B does on its side of the wire, where that is not
public, is a model here. The model's choices: a shared-mode writer's lines are appended and renumbered; the
last config, summary or state that arrives wins; any post brings a finished run back to `running`.

Not covered: parquet exports, sweeps, launch, artifacts beyond storing them, users and teams, rewinding.
"""

from watcher.demo.standin.faults import Fault, FaultKind
from watcher.demo.standin.lag import ReadLag
from watcher.demo.standin.operations import ENTITY
from watcher.demo.standin.server import DUMMY_KEY, Standin, standin_environment

__all__ = ["DUMMY_KEY", "ENTITY", "Fault", "FaultKind", "ReadLag", "Standin", "standin_environment"]
