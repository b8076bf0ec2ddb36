#!/usr/bin/env bash
# Runs the tests that need real servers or the Python reference, and installs what they need.
# Flags are given to go test: test/run_integration.sh -race -run Reference
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
redis="test/servers/redis.sh --dir .run/integration"

SIGNALCAST_TEST_PYTHON=$(test/reference/setup.sh)
$redis start --clean
trap '$redis stop' EXIT
SIGNALCAST_TEST_REDIS_URL=$($redis url)
export SIGNALCAST_TEST_PYTHON SIGNALCAST_TEST_REDIS_URL
go test -tags integration -count=1 "$@" ./backends/... ./test/integration/...
