# Functions shared by kafka.sh and registry.sh, which control a Java server on loopback with a directory of its own.
# The script that sources this file defines server, the name in messages; home, the folder of the installation; and the
# functions fetch DIR, start OPTIONS..., is_up and env. Then it calls main.
cache=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/.run
die() { echo "$(basename "$0"): $*" >&2; exit 1; }

install() { # once, even if several processes call it at the same time
  mkdir -p "$cache"
  (
    flock 9
    [ ! -e "$home" ] || exit 0
    for o in java mvn curl; do command -v $o >/dev/null || die "needs Java 17 or newer, mvn and curl; there is no $o"; done
    rm -rf "$home.new"
    mkdir "$home.new"
    fetch "$home.new"
    mv "$home.new" "$home"
  ) 9>"$cache/$(basename "$home").lock"
}
maven() { # ARGS...   up to three attempts
  local i
  for i in 1 2 3; do
    mvn -q -B "$@" </dev/null >"$home.log" 2>&1 && return
    sleep 3
  done
  die "cannot install $server, see $home.log"
}

port_free() { ! (exec 5<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
free_ports() { # N   prints the first of N free ports in a row
  local p i
  while :; do
    p=$((20000 + RANDOM % 12000))
    for ((i = 0; i < $1; i++)); do port_free $((p + i)) || continue 2; done
    echo $p
    return
  done
}

alive() { # sets pid; false if another process now has that process id
  pid=$(cat "$dir/pid" 2>/dev/null) && [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$dir" ] &&
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = java ]
}

launch() { # JAVA-ARGS...   returns once the server is up
  local i
  [ ! -e "$dir/server.log" ] || mv "$dir/server.log" "$dir/server.log.last"
  (cd "$dir" && exec setsid java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.awt.headless=true "$@" </dev/null >"$dir/server.log" 2>&1) &
  echo $! >"$dir/pid"
  for i in $(seq 600); do
    is_up && { alive; return; }
    [ "$i" -lt 10 ] || alive || { grep -v '^\s*at ' "$dir/server.log" | tail -8 >&2; rm -f "$dir/pid"; die "$server ended during start"; }
    sleep 0.1
  done
  die "$server does not respond, see $dir/server.log"
}

stop() { # SIGNAL
  alive || { rm -f "$dir/pid"; echo "not running"; return; }
  kill "-$1" "$pid"
  local i
  for i in $(seq 600); do running || break; sleep 0.05; done
  running && { kill -KILL "$pid"; echo "pid $pid did not end, killed"; }
  rm -f "$dir/pid"
}
running() { grep -qs '^State:.[^XZ]' "/proc/$pid"/task/*/status; } # a killed process holds its ports until its last thread ends

main() { # DEFAULT-DIR COMMAND OPTIONS...   --dir D may be anywhere
  dir=$cache/$1
  shift
  local args=() o command
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
    start)
      alive && die "already running, pid $pid"
      for o in "$@"; do [ "$o" != --clean ] || { rm -rf "$dir"; mkdir "$dir"; }; done
      install
      start "$@"
      ;;
    restart)
      ! alive || stop TERM
      mapfile -d '' -t args <"$dir/options"
      start "${args[@]}"
      ;;
    stop) stop TERM ;;
    kill9) stop KILL ;;
    status) alive && is_up && echo "up, pid $pid" || { echo down; exit 1; } ;;
    pid) alive && echo "$pid" ;;
    env) alive || die "not running"; env ;;
    run) tool "$@" ;;
    *) sed -n '2,/^set -e/{/^#/p}' "$0" >&2; exit 2 ;;
  esac
}
