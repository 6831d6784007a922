#!/usr/bin/env bash
# Fills /opt/uimon, the image's virtual environment: `install.sh dependencies`, later `install.sh uimon`.
# Two steps, so that a change of uimon's code does not install everything else again.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=/opt/uimon
export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore

pip() { "$venv/bin/python" -m pip "$@"; }

base_has_vllm() { python3 -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("vllm") is None)'; }

dependencies() {
    touch README.md LICENSE NOTICE # pyproject.toml names them; the real ones would make this step anew at each edit
    if base_has_vllm; then
        python3 -m venv --system-site-packages "$venv"
        pip install --quiet '.[gpu]'
        # A second torch beside the base's own would be another CUDA build, and gigabytes.
        twice=$(pip list --local --format freeze | grep -E '^(torch|vllm)==' || true)
        [[ -z $twice ]] || { echo "install: the base's own does not fit pyproject.toml, pip wants $twice" >&2; exit 1; }
    else
        VENV=$venv .ci/setup
        pip uninstall --quiet --yes $(dev_tools)
    fi
}

dev_tools() {
    "$venv/bin/python" -c '
import re, tomllib
asked = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["dev"]
print(*(re.match(r"[\w.-]+", text)[0] for text in asked))'
}

uimon() {
    pip install --quiet --no-deps --force-reinstall .
    pip uninstall --quiet --yes pip
}

"$1"
