#!/usr/bin/env bash
# A real schema registry with Confluent's API on loopback: Apicurio Registry from Maven Central. Needs Java 17, mvn and curl.
#
#   registry.sh install              fetch it unless it is there
#   registry.sh start [options]      start, wait until it answers
#       --port P                     default: a free port
#       --set key=value              any setting of Apicurio or Quarkus, may be repeated
#       --clean                      begin without the schemas of the last run
#   registry.sh restart              stop if up, then start with the options of the last time
#   registry.sh stop | kill9         SIGTERM, SIGKILL
#   registry.sh status | pid
#   registry.sh env                  REGISTRY_URL, REGISTRY_PID
#
# --dir D before or after the command names the instance and holds its state; default .run/registry in the repository.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/jvm.sh"
version=3.0.9 # later ones need Java 21
server="apicurio $version"
home=$cache/apicurio-$version

fetch() { # DIR   through a repository that is thrown away: the archive has 137 MiB
  cd "$1"
  maven -Dmaven.repo.local="$1/m2" org.apache.maven.plugins:maven-dependency-plugin:2.8:get \
    -Dartifact="io.apicurio:apicurio-registry-app:$version:tar.gz:all" -Dtransitive=false
  tar xzf "m2/io/apicurio/apicurio-registry-app/$version/apicurio-registry-app-$version-all.tar.gz"
  rm -r m2
}

start() {
  local all=("$@") port='' settings=()
  while [ $# -gt 0 ]; do
    case $1 in
      --port) port=$2; shift 2 ;;
      --set) settings+=("-D$2"); shift 2 ;;
      --clean) shift ;;
      *) die "unknown option $1" ;;
    esac
  done
  [ -n "$port" ] || { port=$(free_ports 1); all+=(--port "$port"); }
  port_free "$port" || die "port $port is in use"
  printf '%s\0' "${all[@]}" | grep -zvx -e --clean >"$dir/options"
  echo "http://127.0.0.1:$port/apis/ccompat/v7" >"$dir/url"
  launch -Xmx384m -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$port" -Dquarkus.http.access-log.enabled=false \
    -Dapicurio.storage.sql.kind=h2 -Dapicurio.datasource.url="jdbc:h2:file:$dir/h2" ${settings[@]+"${settings[@]}"} \
    -jar "$home"/*-runner.jar
  echo "registry up, pid $pid, $(cat "$dir/url")"
}

is_up() { curl -sf -m 2 -o "$dir/subjects.json" "$(cat "$dir/url")/subjects"; }

env() { printf 'REGISTRY_URL=%s\nREGISTRY_PID=%s\n' "$(cat "$dir/url")" "$pid"; }

main registry "$@"
