#!/bin/sh
# The wheel is what users get, so it is what gets tested: built, installed into an environment of its own, in a folder
# whose path has a space, with `src` out of the way. Says one line when all is well, and everything when it is not.
#
#     sh tests/wheel/run.sh [python]
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
python=${1:-python3}

room=$(mktemp -d "${TMPDIR:-/tmp}/listenkey wheel.XXXXXX")
trap 'rm -rf "$room"' EXIT
trap 'exit 130' INT TERM
log="$room/log"

# Runs a step in silence; when it fails, shows what it said.
step() {
    what=$1
    shift
    if ! "$@" >"$log" 2>&1; then
        cat "$log"
        echo "wheel: $what failed" >&2
        exit 1
    fi
}

"$python" -c 'import sys; print(f"Testing the built wheel with Python {sys.version_info[0]}.{sys.version_info[1]} ...")'
step "making the environment" "$python" -m venv "$room/venv"
new="$room/venv/bin/python"
pip() { "$new" -m pip --disable-pip-version-check --no-input --quiet "$@"; }

step "upgrading pip" pip install --upgrade 'pip>=25.1'
step "building the wheel" pip wheel --no-deps --wheel-dir "$room/dist" "$root"
wheel=$(echo "$room"/dist/listenkey-*.whl)
step "installing the wheel" pip install "$wheel" --group "$root/pyproject.toml:test"

# The tests and what they read; no `src`, and nothing else to import listenkey from.
mkdir "$room/copy"
for one in tests docs pyproject.toml README.md CHANGELOG.md; do
    cp -R "$root/$one" "$room/copy/$one"
done
cd "$room/copy"
unset PYTHONPATH

step "importing it from the environment" "$new" - <<'PYTHON'
import pathlib
import sys

import listenkey

home = pathlib.Path(listenkey.__file__).resolve().parent
assert home.is_relative_to(pathlib.Path(sys.prefix).resolve()), f"imported from {home}"
assert (home / "py.typed").is_file(), "py.typed is missing"
PYTHON
step "listenkey --version" "$room/venv/bin/listenkey" --version
version=$(cat "$log")

set -- tests/unit
[ -d tests/contract ] && set -- "$@" tests/contract
step "the tests" "$new" -m pytest -q -x -p no:cacheprovider "$@"
echo "wheel: $version, $(tail -n 1 "$log")"
