#!/usr/bin/env bash
# Checks that the reference works on this machine: its producer writes to a real Redis, and its consumer reads.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
redis="$root/test/servers/redis.sh --dir $root/.run/self-check"

python=$("$root/test/reference/setup.sh")
$redis start --clean
trap '$redis stop' EXIT
url=$($redis url)
mapfile -t event_types < <(basename -a -s .avsc "$root"/testdata/golden/schemas/*.avsc)
count=$("$python" "$root/test/reference/produce_redis.py" --url "$url" --stream self-check "${event_types[@]}")
"$python" "$root/test/reference/check_redis.py" --url "$url" --stream self-check --count "$count" --strict >"$root/.run/self-check/events.jsonl"
