#!/usr/bin/env bash
# Runs the tests of the admin page in a browser. Installs what they need: chromium, Redis and the accessibility checker axe-core.
# Flags go to go test: test/browser/run.sh -run TestScreenshots -write
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
command -v chromium >/dev/null || {
  sudo=''
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get -o DPkg::Lock::Timeout=120 update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
}
../servers/redis.sh install
axe=axe-core-4.14.1.tgz
cache=${XDG_CACHE_HOME:-$HOME/.cache}/signalcast
[ -f "$cache/$axe" ] || { mkdir -p "$cache" && (cd "$cache" && npm pack --silent "${axe%-*}@$(basename "${axe##*-}" .tgz)" >/dev/null); }
SIGNALCAST_TEST_AXE=$(mktemp)
trap 'rm -f "$SIGNALCAST_TEST_AXE"' EXIT
tar -xOf "$cache/$axe" package/axe.min.js >"$SIGNALCAST_TEST_AXE"
export SIGNALCAST_TEST_AXE
go test -count=1 "$@" ./...
