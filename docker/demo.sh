#!/usr/bin/env bash
# The demo of docker-compose.demo.yml from its start to its end; exits 0 where all that it should show is in the run.
# COMPOSE and ENGINE name other tools, as in COMPOSE=podman-compose ENGINE=podman docker/demo.sh.
# STEPS, SAVE_STEPS, SAMPLES and MIN_VALIDITY make it another size; BASE is the image's base.
set -euo pipefail
cd "$(dirname "$0")"
read -ra compose <<<"${COMPOSE:-docker compose}"
compose+=(-f docker-compose.demo.yml --profile verdict)
engine=${ENGINE:-docker}

trap '"${compose[@]}" down --volumes >/dev/null 2>&1' EXIT
"${compose[@]}" up --detach standin val trainer uimon
for service in trainer uimon; do
    code=$("$engine" wait "uimon-demo-$service")
    if ((code != 0)); then
        "$engine" logs --tail 50 "uimon-demo-$service"
        echo "$service ended with exit code $code" >&2
        exit 1
    fi
done
"${compose[@]}" run --rm --no-deps -T verdict
