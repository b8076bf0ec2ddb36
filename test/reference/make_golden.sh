#!/usr/bin/env bash
# Records schemas/, events/ and redis/ of testdata/golden from the reference and a real Redis.
#   make_golden.sh           writes the files
#   make_golden.sh --check   writes nothing; fails with a diff if the files differ from what the reference makes
# The files of schemas/ name the event types. To add one, create an empty schemas/EVENT_TYPE.avsc.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
golden=$root/testdata/golden
made=$root/.run/golden
redis="$root/test/servers/redis.sh --dir $root/.run/golden-redis"

python=$("$root/test/reference/setup.sh")
$redis start --clean >/dev/null
trap '$redis stop' EXIT
rm -rf "$made"
mkdir -p "$made"
cp "$golden/catalog.json" "$made"
mapfile -t event_types < <(basename -a -s .avsc "$golden"/schemas/*.avsc)
"$python" "$root/test/reference/make_golden.py" --redis "$($redis url)" --out "$made" "${event_types[@]}"
for part in schemas events redis; do
  if [ "${1:-}" = --check ]; then
    diff -ru "$golden/$part" "$made/$part"
  else
    cp "$made/$part"/* "$golden/$part"
  fi
done
echo "${#event_types[@]} event types: the golden data equals the reference"
