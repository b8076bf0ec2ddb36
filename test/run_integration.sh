#!/usr/bin/env bash
# Runs the tests that need real servers or the reference in Python. Installs what they need.
# Flags go to go test: test/run_integration.sh -race -run Reference
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
servers=(redis kafka registry postgres)
server() { # NAME ARGS...
  local name=$1
  shift
  "test/servers/$name.sh" --dir ".run/integration/$name" "$@"
}
stop_servers() { for name in "${servers[@]}"; do server "$name" stop; done; }

SIGNALCAST_TEST_PYTHON=$(test/reference/setup.sh)
SIGNALCAST_TEST_ASYNCAPI=$(test/asyncapi/setup.sh)
trap stop_servers EXIT
server redis start --clean
server kafka start --clean --secure
server registry start --clean --secure
server postgres start --clean
for name in "${servers[@]}"; do
  while IFS= read -r line; do export "SIGNALCAST_TEST_$line"; done < <(server "$name" env)
done
export SIGNALCAST_TEST_PYTHON SIGNALCAST_TEST_ASYNCAPI
go test -tags integration -count=1 "$@" ./backends/... ./outbox/... ./inbox/... ./consume/... ./asyncapi ./compat ./internal/pysettings ./test/integration/... ./test/scale
