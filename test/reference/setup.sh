#!/usr/bin/env bash
# Creates a Python environment with the reference, the Open edX event bus in Python, in .run/reference.
# Prints the path of its interpreter. Creates nothing if the environment exists and requirements.txt is unchanged.
#   $(test/reference/setup.sh) test/reference/check_redis.py --url redis://127.0.0.1:6379/0 --stream dev-topic --count 3 --strict
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$here/../../.run"
venv=$(cd "$here/../../.run" && pwd)/reference

suitable() { command -v "$1" >/dev/null && "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; }
find_python() {
  local p
  for p in python3.12 python3.13 python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[23].*/bin/python3; do
    suitable "$p" && { echo "$p"; return; }
  done
  return 1
}
install_python() {
  local sudo=''
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get -o DPkg::Lock::Timeout=120 update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends python3 python3-venv </dev/null
}

if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  python=$(find_python) || { install_python >/dev/null 2>&1 || true; python=$(find_python); } ||
    { echo "setup.sh: the reference needs Python 3.12 or newer with venv" >&2; exit 1; }
  rm -rf "$venv"
  "$python" -m venv "$venv" >&2
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
  cp "$here/requirements.txt" "$venv/installed.txt"
fi
echo "$venv/bin/python"
