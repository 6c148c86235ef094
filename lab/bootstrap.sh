#!/bin/sh
# Creates .venv from the pinned versions; installs Python's venv module when the distribution left it out.
set -eu
cd "$(dirname "$0")/.."

python=
for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "Python 3.11 or newer is needed; Debian 12 and later and Ubuntu 24.04 and later have it" >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    echo "installing Python's venv module"
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ]; then sudo=; else sudo="sudo -n"; fi
    $sudo apt-get -qq update
    $sudo apt-get -y -qq install --no-install-recommends "python$version-venv"
fi
[ -x .venv/bin/python ] || "$python" -m venv .venv
echo "installing the pinned Python packages"
.venv/bin/python -m pip --quiet --disable-pip-version-check install --constraint constraints.txt --editable '.[dev]'
