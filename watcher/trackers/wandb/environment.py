"""The environment of a session, and the care that a key never leaves it."""

from __future__ import annotations

import netrc
import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import watcher
from watcher.output.redaction import redactor
from watcher.system.files import read_text
from watcher.trackers.wandb.run import CLOUD, normal_server
from watcher.trackers.wandb.wire import Limits

# The variables of W&B that say where the server is and who we are. All others are dropped: beside a trainer
# they describe the trainer's run (WANDB_NAME, WANDB_NOTES, WANDB_RESUME, WANDB_MODE, WANDB_X_LABEL …) and
# would rewrite it, and WANDB_SERVICE would make the session a client of the trainer's own W&B process.
_WANDB = frozenset(
    {
        "WANDB_BASE_URL",
        "WANDB_APP_URL",
        "WANDB_API_KEY",
        "WANDB_API_KEY_FILE",
        "WANDB_IDENTITY_TOKEN_FILE",
        "WANDB_CREDENTIALS_FILE",
        "WANDB_CONFIG_DIR",
        "WANDB_ENTITY",
        "WANDB_PROJECT",
        "WANDB_INSECURE_DISABLE_SSL",
        "WANDB__PROXIES",
        "WANDB_HTTP_PROXY",
        "WANDB_HTTPS_PROXY",
        "WANDB_X_EXTRA_HTTP_HEADERS",
        "WANDB_ERROR_REPORTING",
    }
)
# What a program needs to run and to reach a server; the keys of clouds, of webhooks and of whatever else are none of
# W&B's business. The last one is for the tests of this project.
_ORDINARY = """
    PATH HOME USER LOGNAME SHELL TMPDIR TMP TEMP TZ LANG LANGUAGE LC_ALL LC_CTYPE LD_LIBRARY_PATH LD_PRELOAD
    PYTHONHOME PYTHONUSERBASE PYTHONNOUSERSITE PYTHONWARNINGS PYTHONDONTWRITEBYTECODE VIRTUAL_ENV CONDA_PREFIX
    XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_RUNTIME_DIR NETRC
    HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy
    SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE
    UIMON_CRASH_AT
"""
_KEPT = _WANDB | frozenset(_ORDINARY.split())
_PATHS = frozenset(
    {"WANDB_API_KEY_FILE", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_CREDENTIALS_FILE", "WANDB_CONFIG_DIR", "NETRC"}
)
# A key that `wandb login` left has this shape, and no variable holds it. A digest of a checkpoint is longer.
_KEY_LIKE = re.compile(r"(?<![\w/])[0-9a-f]{40}(?![\w/])")

_NEVER = "86400"

# A unix socket's path may have 107 characters; wandb-core adds about 40 to the temporary directory's.
_SOCKET_ROOM = 60
# A key has 40 characters or some more.
_KEY_FILE = 65536


def server_environment(environ: Mapping[str, str], server: str | None) -> dict[str, str]:
    """The variables with which a session talks to `server`; None leaves them as they are.

    The key in WANDB_API_KEY goes to the server that is named, as the SDK has it for WANDB_BASE_URL. Where that names
    another one, a key that `wandb login` has left for `server` itself comes first: it is surely the right one.
    """
    variables = dict(environ)
    configured = normal_server(environ.get("WANDB_BASE_URL") or "")
    if server is None or server == configured:
        return variables
    variables["WANDB_BASE_URL"] = server
    variables.pop("WANDB_APP_URL", None)
    if server != (configured or CLOUD) and has_login(environ, server):
        for name in ("WANDB_API_KEY", "WANDB_API_KEY_FILE", "WANDB_IDENTITY_TOKEN_FILE"):
            variables.pop(name, None)
    return variables


def has_login(environ: Mapping[str, str], server: str) -> bool:
    """Whether `wandb login` has left a key for this server, in the netrc file."""
    # Unlike Path.expanduser, this is no error for a user without a home.
    home = os.path.expanduser(environ.get("HOME") or "~")  # noqa: PTH111
    file = os.path.expanduser(environ.get("NETRC") or f"{home}/.netrc")  # noqa: PTH111
    try:
        hosts = netrc.netrc(file).hosts
    except (OSError, netrc.NetrcParseError):
        return False
    return any(normal_server(f"https://{host}") == server or host == urlsplit(server).netloc for host in hosts)


def session_environment(environ: Mapping[str, str], directory: Path, limits: Limits) -> dict[str, str]:
    """The variables for a session that may leave files in `directory` only, and that gives up after `limits`."""
    kept = {name: value for name, value in environ.items() if name in _KEPT}
    # A session works in a directory of its own, where a relative path would lead elsewhere.
    kept.update({name: str(Path(kept[name]).absolute()) for name in _PATHS & kept.keys()})
    bounds = {
        "RETRY_MAX": str(limits.retries),
        "RETRY_WAIT_MIN_SECONDS": str(limits.wait_min),
        "RETRY_WAIT_MAX_SECONDS": str(limits.wait_max),
        "TIMEOUT_SECONDS": str(limits.request),
    }
    for channel in ("GRAPHQL", "FILE_STREAM", "FILE_TRANSFER"):
        kept.update({f"WANDB_X_{channel}_{name}": value for name, value in bounds.items()})
    # History lines are appended: where only the answer was lost, a repeated request doubles them. The SDK takes 0 for
    # its default of some days of repeating, so it is told to wait for longer than any session lives.
    repeats = {"RETRY_MAX": "1", "RETRY_WAIT_MIN_SECONDS": _NEVER, "RETRY_WAIT_MAX_SECONDS": _NEVER}
    kept.update({f"WANDB_X_FILE_STREAM_{name}": value for name, value in repeats.items()})
    # Every session's copies of uploaded files would otherwise pile up in the user's cache.
    kept.update({f"WANDB_{name}": str(directory) for name in ("DIR", "CACHE_DIR", "DATA_DIR")})
    if len(str(directory)) <= _SOCKET_ROOM:
        kept["TMPDIR"] = str(directory)
    package_root = str(Path(watcher.__file__).resolve().parent.parent)
    kept["PYTHONPATH"] = ":".join(part for part in (package_root, environ.get("PYTHONPATH", "")) if part)
    return kept


def key_from_file(environ: Mapping[str, str]) -> str | None:
    """The key in the file that `WANDB_API_KEY_FILE` names, such as a Docker secret; None without the variable.

    Raises `OSError` where the file cannot be read. An explicit `WANDB_API_KEY` wins, and then the file is not read.
    """
    path = environ.get("WANDB_API_KEY_FILE")
    if environ.get("WANDB_API_KEY") or not path:
        return None
    return read_text(Path(path), _KEY_FILE, errors="replace").strip() or None


def redact(text: str, environ: Mapping[str, str]) -> str:
    """`text` without the key, and without anything else that looks like one.

    >>> redact("refused: " + "0123456789" * 4, {})
    'refused: ***'
    """
    return _KEY_LIKE.sub("***", redactor(environ)(text))
