"""One POST in a process of its own: `python -I posting.py`, which can be killed wherever it hangs.

No deadline within a process covers a whole request: a name server that hangs cannot be interrupted, and a timeout of a
socket begins anew with each byte. This process reads `{"url": …, "body": …, "seconds": …}` from standard input, where
no list of processes shows the address, and answers with `{"trouble": …, "may_pass": …}`. The kernel ends it where its
parent does not come to that.

It needs nothing but Python's own library, so that it starts within 0.1 s.
"""

from __future__ import annotations

import json
import math
import signal
import sys
import urllib.error
import urllib.request
from http import HTTPStatus
from http.client import HTTPException

_RETRIED = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        """Follow none: what was meant for one address is not sent to another."""


def post(url: str, body: str, seconds: float) -> tuple[str, bool]:
    """What went wrong, empty where nothing did, and whether another attempt may succeed. No word of it is the server's
    or the address's.
    """
    try:
        request = urllib.request.Request(url, body.encode(), {"Content-Type": "application/json"}, method="POST")
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=seconds):
            return "", False
    except urllib.error.HTTPError as error:
        passing = error.code in _RETRIED or error.code >= HTTPStatus.INTERNAL_SERVER_ERROR
        return f"HTTP {error.code}", passing
    except urllib.error.URLError as error:
        # The reason of a URLError names the address only where the address itself is wrong.
        return (type(error.reason).__name__ if isinstance(error.reason, OSError) else "no such service"), True
    except (OSError, HTTPException) as error:
        return type(error).__name__, True
    except ValueError:
        return "the address is not a URL", False


def main() -> None:
    """Serve one request."""
    asked = json.load(sys.stdin)
    # Without a handler the signal ends the process, also within a look-up of a name.
    signal.alarm(math.ceil(asked["seconds"]) + 1)
    trouble, may_pass = post(asked["url"], asked["body"], asked["seconds"])
    json.dump({"trouble": trouble, "may_pass": may_pass}, sys.stdout)


if __name__ == "__main__":
    main()
