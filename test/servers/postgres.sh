#!/usr/bin/env bash
# Controls a real PostgreSQL on loopback with its own data folder.
#
#   postgres.sh install              install PostgreSQL with apt unless it is installed
#   postgres.sh start [options]      start it and wait until it responds
#       --port P                     default: a free port
#       --set "name = value"         any line of postgresql.conf, may be repeated
#       --clean                      delete the data of the last run first
#   postgres.sh restart              stop it if it runs, then start it with the same options
#   postgres.sh stop                 fast shutdown
#   postgres.sh kill | kill9         SIGKILL of the postmaster; its other processes end by themselves
#   postgres.sh status | pid | url   url: postgres://signalcast@127.0.0.1:P/postgres
#   postgres.sh env                  POSTGRES, POSTGRES_ADDR, POSTGRES_PID
#   postgres.sh psql ARGS...         psql of this instance
#
# --dir D, before or after the command, is the folder of the instance; default .run/postgres in the repository.
# PostgreSQL does not run as root. For root, it runs as the user postgres, or daemon, which owns the data folder.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=$here/../../.run/postgres
die() { echo "postgres.sh: $*" >&2; exit 1; }

binaries() { # sets bin; false if there is no server
  local candidate
  for candidate in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) "$(dirname "$(readlink -f "$(command -v initdb || true)" || true)")"; do
    [ -x "$candidate/initdb" ] && [ -x "$candidate/postgres" ] && { bin=$candidate; return; }
  done
  return 1
}

install() {
  binaries && return
  local sudo='' policy=/usr/sbin/policy-rc.d
  [ "$(id -u)" = 0 ] || sudo=sudo
  if [ ! -e $policy ]; then # keep apt from starting a server
    printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
    $sudo chmod +x $policy
    trap "$sudo rm -f $policy" EXIT
  fi
  $sudo apt-get -o DPkg::Lock::Timeout=120 update -qq >/dev/null
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends \
    postgresql </dev/null >/dev/null 2>&1 || die "apt-get install postgresql failed"
  binaries || die "found no initdb after apt-get install postgresql"
}

owner() { # prints the user that the server runs as
  if [ "$(id -u)" != 0 ]; then id -un; elif id -u postgres >/dev/null 2>&1; then echo postgres; else echo daemon; fi
}
as_owner() {
  if [ "$(id -u)" != 0 ]; then "$@"; else setpriv --reuid="$(owner)" --regid="$(id -g "$(owner)")" --clear-groups "$@"; fi
}

port_free() { ! (exec 5<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
free_port() {
  local p
  while :; do
    p=$((20000 + RANDOM % 12000))
    port_free $p && { echo $p; return; }
  done
}

in_data() { [ "$(readlink "/proc/$1/cwd" 2>/dev/null)" = "$dir/data" ]; }
alive() { # sets pid; false if another process now has that process id
  pid=$(head -1 "$dir/data/postmaster.pid" 2>/dev/null) && [ -n "$pid" ] && in_data "$pid" &&
    grep -qa postgres "/proc/$pid/cmdline" 2>/dev/null
}
processes() { # of the server, without the postmaster as well
  local p
  for p in /proc/[0-9]*; do ! in_data "${p#/proc/}" || echo "${p#/proc/}"; done
}
port() { sed -n 's/^port = //p' "$dir/data/signalcast.conf"; }
psql_here() { alive || die "not running"; "$bin/psql" -X -h 127.0.0.1 -p "$(port)" -U signalcast -d postgres "$@"; }

start() {
  local all=("$@") port='' clean='' lines=()
  while [ $# -gt 0 ]; do
    case $1 in
      --port) port=$2; shift 2 ;;
      --set) lines+=("$2"); shift 2 ;;
      --clean) clean=1; shift ;;
      *) die "unknown option $1" ;;
    esac
  done
  alive && die "already running, pid $pid"
  wait_for_processes
  [ -z "$clean" ] || { rm -rf "$dir"; mkdir -p "$dir"; }
  [ -n "$port" ] || { port=$(free_port); all+=(--port "$port"); }
  port_free "$port" || die "port $port is in use"
  local options=() o
  for o in ${all[@]+"${all[@]}"}; do [ "$o" = --clean ] || options+=("$o"); done
  printf '%s\0' "${options[@]}" >"$dir/options"
  mkdir -p "$dir/data"
  chmod 700 "$dir/data"
  [ "$(id -u)" != 0 ] || chown "$(owner)" "$dir/data"
  as_owner test -x "$dir/data" || die "user $(owner) cannot enter $dir/data; want a --dir that all users can enter"
  touch "$dir/postgres.log"
  [ "$(id -u)" != 0 ] || chown "$(owner)" "$dir/postgres.log"
  if [ ! -e "$dir/data/PG_VERSION" ]; then
    (cd "$dir/data" && as_owner "$bin/initdb" -D "$dir/data" -U signalcast -A trust -E UTF8 --locale=C --no-sync) \
      >"$dir/initdb.log" 2>&1 || { tail -5 "$dir/initdb.log" >&2; die "initdb failed"; }
    as_owner sh -c "echo \"include = 'signalcast.conf'\" >>'$dir/data/postgresql.conf'"
  fi
  {
    printf '%s\n' "listen_addresses = '127.0.0.1'" "unix_socket_directories = ''" "port = $port" "fsync = on" \
      "max_connections = 200" "max_prepared_transactions = 10"
    [ ${#lines[@]} = 0 ] || printf '%s\n' "${lines[@]}"
  } | as_owner sh -c "cat >'$dir/data/signalcast.conf'"
  (cd "$dir/data" && as_owner setsid "$bin/postgres" -D "$dir/data") </dev/null >>"$dir/postgres.log" 2>&1 &
  local starter=$! i
  for i in $(seq 1200); do
    alive && psql_here -qAtc 'select 1' >/dev/null 2>&1 && { echo "postgres up, pid $pid, 127.0.0.1:$port"; return; }
    kill -0 $starter 2>/dev/null || { tail -5 "$dir/postgres.log" >&2; die "postgres ended during start"; }
    sleep 0.05
  done
  die "no response from 127.0.0.1:$port"
}

wait_for_processes() { # after the end of the postmaster
  local i
  for i in $(seq 100); do [ -n "$(processes)" ] || return 0; sleep 0.05; done
  for i in $(processes); do kill -KILL "$i" 2>/dev/null || true; done
}

stop() { # SIGNAL: INT is a fast shutdown
  alive || { echo "not running"; return; }
  kill "-$1" "$pid"
  local i
  for i in $(seq 200); do alive || break; sleep 0.05; done
  alive && { kill -KILL "$pid"; echo "pid $pid did not end, killed"; }
  wait_for_processes
}

args=()
while [ $# -gt 0 ]; do
  if [ "$1" = --dir ]; then dir=$2; shift 2; else args+=("$1"); shift; fi
done
set -- ${args[@]+"${args[@]}"}
command=${1:-help}
[ $# = 0 ] || shift
mkdir -p "$dir"
dir=$(cd "$dir" && pwd -P)
case $command in
  install) install ;;
  start) install; start "$@" ;;
  restart)
    install
    ! alive || stop INT
    mapfile -d '' -t options <"$dir/options"
    start "${options[@]}"
    ;;
  stop) stop INT ;;
  kill | kill9) stop KILL ;;
  status) binaries && alive && [ "$(psql_here -qAtc 'select 1')" = 1 ] && echo "up, pid $pid, 127.0.0.1:$(port)" || { echo down; exit 1; } ;;
  pid) alive && echo "$pid" ;;
  url) echo "postgres://signalcast@127.0.0.1:$(port)/postgres?sslmode=disable" ;;
  env)
    alive || die "not running"
    printf 'POSTGRES=postgres://signalcast@127.0.0.1:%s/postgres?sslmode=disable\nPOSTGRES_ADDR=127.0.0.1:%s\nPOSTGRES_PID=%s\n' "$(port)" "$(port)" "$pid"
    ;;
  psql) install; psql_here "$@" ;;
  *) sed -n '2,/^set -e/{/^#/p}' "$0" >&2; exit 2 ;;
esac
