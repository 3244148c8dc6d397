#!/usr/bin/env bash
# All checks, from the formatting to the official clients against the release binary. Needs Rust, a C compiler, Python 3.11
# and Node 20; takes what else it needs from the registries of cargo, pip and npm.
#   tests/run.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

started=$SECONDS
step=""
begin() {
    step=$1
    printf '\n== %s\n' "$step"
}
# Says what failed; a run that stops in the middle must not look like one that ended.
trap 'status=$?; if [ "$status" -ne 0 ]; then printf "\nFAILED at: %s (exit %s)\n" "$step" "$status"; fi' EXIT

begin "format"
cargo fmt --check

begin "lints, warnings denied"
cargo clippy --locked --all-targets -- -D warnings

begin "unit and socket tests"
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --locked
else
    cargo test --locked --lib --bins --tests
fi

begin "tests in the documentation (proofs that an unsafe order of stages does not compile)"
cargo test --locked --doc

begin "documentation without broken links"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --lib

begin "release build"
cargo build --release --locked --bin portcullis
binary=${CARGO_TARGET_DIR:-target}/release/portcullis

begin "every shipped configuration"
# Those below deploy/ name secrets that only a deployment has: deploy/validate.sh loads them with stand-ins.
mapfile -t configurations < <(git ls-files '*.yaml' ':!tests' ':!deploy' | xargs grep -lE '^listeners:' | sort)
[ "${#configurations[@]}" -gt 0 ] || { echo "no configuration is shipped" >&2; exit 1; }
for configuration in "${configurations[@]}"; do
    echo "$configuration"
    "$binary" check --config "$configuration"
done

begin "detection and false alarms on the project's own cases"
tests/detection/check.sh own "$binary"

skipped=()
begin "detection and false alarms on the corpora"
status=0
tests/detection/check.sh corpora "$binary" || status=$?
case $status in
0) ;;
3) skipped+=("detection on the corpora (no ../shared/data/corpora)") ;;
*) exit "$status" ;;
esac

begin "official clients against the release binary"
tests/sdk/run.sh "$binary"

begin "the classifier's model, made again from the corpora"
if [ -d "${CORPORA:-../shared/data/corpora}" ]; then
    made=${CARGO_TARGET_DIR:-target}/model.bin
    cargo run --locked --profile tool --example train -- \
        "${CORPORA:-../shared/data/corpora}" tests/detection/training "$made" >"$made.txt"
    head -1 "$made.txt"
    cmp "$made" src/stages/inspect/classifier/model.bin
else
    skipped+=("the classifier's model (the corpora are not here)")
fi

# A bare machine has no promtool; as root on Debian it can be had.
if ! command -v promtool >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    begin "promtool from the distribution"
    apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends prometheus
fi

missing=()
for tool in promtool kubectl systemd-analyze; do
    command -v "$tool" >/dev/null || missing+=("$tool")
done
if [ "${#missing[@]}" -eq 0 ]; then
    begin "deployment files"
    PORTCULLIS=$binary deploy/validate.sh
else
    skipped+=("deploy/validate.sh (not installed: ${missing[*]})")
fi

if command -v prometheus >/dev/null; then
    begin "a real Prometheus scrapes the gateway and evaluates the rules"
    python3 tests/operate/prometheus.py "$binary"
else
    skipped+=("tests/operate/prometheus.py (prometheus is not installed)")
fi

if cargo deny --version >/dev/null 2>&1; then
    begin "bans, licences, sources"
    cargo deny --locked check bans licenses sources
else
    skipped+=("cargo deny (not installed)")
fi

step="summary"
printf '\nPASSED in %s s' "$((SECONDS - started))"
if [ "${#skipped[@]}" -gt 0 ]; then
    printf '; skipped: %s' "$(IFS=,; echo "${skipped[*]}")"
fi
printf '\n'
