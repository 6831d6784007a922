"""A receiver for `--webhook http://127.0.0.1:8080/`: prints each early warning once, and when it is over.

    python examples/webhook_receiver.py 8080

uimon may send a warning twice, as after a crash between the delivery and its note: `key` and `event` tell it apart.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

seen = set()


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to what it could read, which is what uimon takes for delivered."""

    def do_POST(self):
        """Take one warning."""
        try:
            warning = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told = (warning["run"], warning["key"], warning["event"])
            line = f"{warning['event']} {warning['level']} {warning['rule']}: {warning['text']}"
        except (TypeError, ValueError, KeyError):
            self.send_error(400)
            return
        if told not in seen:
            seen.add(told)
            print(line, flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        """Print warnings only, and no line for each request."""


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver) as server:
        print(f"listening on port {server.server_port}", flush=True)
        server.serve_forever()
