#!/usr/bin/env bash
# Controls a real schema registry on loopback, Apicurio Registry from Maven Central with the API of Confluent. Needs Java 17, mvn and curl.
#
#   registry.sh install              install it unless it is installed
#   registry.sh start [options]      start it and wait until it responds
#       --port P                     default: a free port
#       --secure                     also https on P+1, with certificates from certs.sh
#       --set key=value              any setting of Apicurio or Quarkus, may be repeated
#       --clean                      delete the schemas of the last run first
#   registry.sh restart              stop it if it runs, then start it with the same options
#   registry.sh stop | kill9         SIGTERM, SIGKILL
#   registry.sh status | pid
#   registry.sh env                  REGISTRY_URL, REGISTRY_PID and, with --secure, REGISTRY_TLS_URL and REGISTRY_CERTS,
#                                    the folder of certs.sh
#
# --dir D, before or after the command, is the folder of the instance; default .run/registry in the repository.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/jvm.sh"
version=3.0.9 # later ones need Java 21
server="apicurio $version"
home=$cache/apicurio-$version

fetch() { # DIR   with a temporary local repository, because the archive has 137 MiB
  cd "$1"
  maven -Dmaven.repo.local="$1/m2" org.apache.maven.plugins:maven-dependency-plugin:2.8:get \
    -Dartifact="io.apicurio:apicurio-registry-app:$version:tar.gz:all" -Dtransitive=false
  tar xzf "m2/io/apicurio/apicurio-registry-app/$version/apicurio-registry-app-$version-all.tar.gz"
  rm -r m2
}

start() {
  local all=("$@") port='' secure='' settings=()
  while [ $# -gt 0 ]; do
    case $1 in
      --port) port=$2; shift 2 ;;
      --secure) secure=1; shift ;;
      --set) settings+=("-D$2"); shift 2 ;;
      --clean) shift ;;
      *) die "unknown option $1" ;;
    esac
  done
  [ -n "$port" ] || { port=$(free_ports 2); all+=(--port "$port"); }
  port_free "$port" || die "port $port is in use"
  printf '%s\0' "${all[@]}" | grep -zvx -e --clean >"$dir/options"
  echo "$port" >"$dir/port"
  if [ -n "$secure" ]; then
    port_free $((port + 1)) || die "port $((port + 1)) is in use"
    "$here/certs.sh" "$dir/certs"
    settings+=("-Dquarkus.http.ssl-port=$((port + 1))" "-Dquarkus.http.ssl.certificate.files=$dir/certs/server.pem"
      "-Dquarkus.http.ssl.certificate.key-files=$dir/certs/server.key")
  fi
  launch -Xmx384m -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$port" -Dquarkus.http.access-log.enabled=false \
    -Dapicurio.storage.sql.kind=h2 -Dapicurio.datasource.url="jdbc:h2:file:$dir/h2" ${settings[@]+"${settings[@]}"} \
    -jar "$home"/*-runner.jar
  echo "registry up, pid $pid, $(url http 0)"
}

is_up() { curl -sf -m 2 -o "$dir/subjects.json" "$(url http 0)/subjects"; }

env() {
  printf 'REGISTRY_URL=%s\nREGISTRY_PID=%s\n' "$(url http 0)" "$pid"
  ! grep -zqx -e --secure "$dir/options" ||
    printf 'REGISTRY_TLS_URL=%s\nREGISTRY_CERTS=%s\n' "$(url https 1)" "$dir/certs"
}
url() { echo "$1://127.0.0.1:$(($(cat "$dir/port") + $2))/apis/ccompat/v7"; } # SCHEME OFFSET

main registry "$@"
