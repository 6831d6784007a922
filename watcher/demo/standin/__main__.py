"""`python -m watcher.demo.standin --port-file F`: run the stand-in until it is interrupted or terminated."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from watcher.demo.standin.server import Standin


def main() -> int:
    """Serve until SIGINT or SIGTERM; `--port-file` receives the port once requests are answered."""
    parser = argparse.ArgumentParser(prog="python -m watcher.demo.standin", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one (default)")
    parser.add_argument("--port-file", type=Path, help="file that receives the port number")
    arguments = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with Standin(port=arguments.port) as standin:
        if arguments.port_file is not None:
            # Renamed into place, so that whoever waits for the file never reads half a number.
            partial = arguments.port_file.with_suffix(".partial")
            partial.write_text(standin.url.rpartition(":")[2], encoding="ascii")
            partial.rename(arguments.port_file)
        sys.stderr.write(f"local stand-in, not W&B: {standin.url}\n")
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
