#!/usr/bin/env bash
# Images by their digests.
#   docker/pin.sh IMAGE       print `BASE=IMAGE@sha256:…` as the registry has it today, for `.env` or --build-arg
#   docker/pin.sh --update    put the digest that the CPU image's base has today wherever that base is named
# Asks the registry and pulls nothing. Needs docker with buildx, or skopeo.
set -euo pipefail
cd "$(dirname "$0")"

digest() {
    if command -v skopeo >/dev/null; then
        skopeo inspect --raw "docker://$1" | sha256sum | sed 's/^/sha256:/; s/ .*//'
    else
        docker buildx imagetools inspect "$1" --format '{{.Manifest.Digest}}'
    fi
}

pinned() {
    local found
    found=$(digest "$1") && [[ $found =~ ^sha256:[0-9a-f]{64}$ ]] || {
        echo "pin: the registry names no digest of $1; check the name, and that docker buildx or skopeo reaches it" >&2
        return 1
    }
    echo "$1@$found"
}

case ${1:-} in
    --update)
        old=$(sed -n 's/^ARG BASE=//p' Dockerfile)
        new=$(pinned "${old%@*}")
        sed -i "s|$old|$new|" Dockerfile docker-compose.demo.yml
        echo "$new"
        ;;
    "" | -*)
        sed -n '2,5s/^# \{0,1\}//p' pin.sh >&2
        exit 2
        ;;
    *)
        image=$(pinned "${1%@*}")
        echo "BASE=$image"
        ;;
esac
