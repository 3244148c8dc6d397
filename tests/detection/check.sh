#!/usr/bin/env bash
# Asserts detection and false alarms of the shipped policy on labelled texts, or writes what a run reaches.
#   tests/detection/check.sh own|corpora BINARY [eval's options, for example --write-floors FILE]
# The corpora are looked for in ../shared/data/corpora, or where CORPORA says; exit code 3 where they are not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

what=$1
binary=$2
shift 2
case $what in
own) texts=tests/detection/cases ;;
corpora) texts=${CORPORA:-../shared/data/corpora} ;;
*) echo "neither own nor corpora: $what" >&2; exit 2 ;;
esac
[ -d "$texts" ] || exit 3
[ "$#" -gt 0 ] || set -- --floors "tests/detection/floors-$what.json"
exec "$binary" eval --policies policies --obfuscate "$@" "$texts"
