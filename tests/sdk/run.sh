#!/usr/bin/env bash
# Runs the official clients (Python: openai, anthropic; Node: openai) against a gateway binary.
#   tests/sdk/run.sh BINARY
set -euo pipefail

binary=$(realpath "${1:?usage: tests/sdk/run.sh BINARY}")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=$(dirname "$here")/.venv
cd "$here"

# Installed again only when the pins have changed.
if ! cmp -s requirements.txt "$venv/installed.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement requirements.txt
    cp requirements.txt "$venv/installed.txt"
fi
if ! cmp -s package-lock.json node_modules/installed.json; then
    npm ci --silent --no-audit --no-fund --ignore-scripts
    cp package-lock.json node_modules/installed.json
fi

PORTCULLIS_BINARY=$binary "$venv/bin/python" -m pytest --quiet -p no:cacheprovider .
"$venv/bin/python" harness.py "$binary" node --test node/openai.test.mjs
