#!/usr/bin/env bash
# Writes the floors and ceilings that the shipped policy keeps today, with room for noise. Look at the diff before you commit it:
# what sinks is a loss that somebody must answer for.
#   tests/detection/floors.sh [MARGIN]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

margin=${1:-0.03}
cargo build --release --locked --bin portcullis
binary=${CARGO_TARGET_DIR:-target}/release/portcullis
for what in own corpora; do
    status=0
    tests/detection/check.sh "$what" "$binary" --write-floors "tests/detection/floors-$what.json" --margin "$margin" >/dev/null || status=$?
    case $status in
    0) echo "tests/detection/floors-$what.json written" ;;
    3) echo "tests/detection/floors-$what.json left as it is: the corpora are not here" ;;
    *) exit "$status" ;;
    esac
done
