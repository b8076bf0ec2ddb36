#!/usr/bin/env bash
# Fetches the JSON Schema of AsyncAPI 3.0 from the npm package of the project into .run. Prints the path of the schema.
# Fetches nothing if it is there. Installs npm if it is missing.
set -euo pipefail
version=6.11.1
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
dir=$PWD/.run/asyncapi-specs-$version
schema=$dir/package/schemas/3.0.0.json
if [ ! -f "$schema" ]; then
  command -v npm >/dev/null || {
    sudo=''
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get -o DPkg::Lock::Timeout=120 update -qq >&2
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends npm >&2 </dev/null
  }
  mkdir -p "$dir"
  archive=$(cd "$dir" && npm pack --silent "@asyncapi/specs@$version")
  tar -xzf "$dir/$archive" -C "$dir" package/schemas/3.0.0.json package/LICENSE
fi
echo "$schema"
