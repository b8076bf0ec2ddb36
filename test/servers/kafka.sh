#!/usr/bin/env bash
# Controls a real Apache Kafka on loopback: broker and controller (KRaft) in one process, from Maven Central. Needs Java 17 and mvn.
#
#   kafka.sh install                 install it unless it is installed
#   kafka.sh start [options]         start it and wait until it responds
#       --port P                     default: a free port; the controller uses the next one
#       --secure                     also SASL_SSL on P+2, for the users plain, scram-sha-256 and scram-sha-512, each with the
#                                    mechanism of that name; and SSL on P+3, for clients with a certificate
#       --set key=value              any line of server.properties, may be repeated
#       --clean                      delete the data of the last run first
#   kafka.sh restart                 stop it if it runs, then start it with the same options
#   kafka.sh stop | kill9            SIGTERM, SIGKILL
#   kafka.sh status | pid
#   kafka.sh env                     KAFKA_BROKERS, KAFKA_PID and, with --secure, KAFKA_SASL_BROKERS, KAFKA_TLS_BROKERS,
#                                    KAFKA_PASSWORD and KAFKA_CERTS, the directory of certs.sh
#   kafka.sh run CLASS ARGS...       a command-line tool, e.g. org.apache.kafka.tools.TopicCommand
#
# --dir D, before or after the command, is the folder of the instance; default .run/kafka in the repository.
# A topic that is created on first use has one partition.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/jvm.sh"
version=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$here/kafka/pom.xml")
server="kafka $version"
home=$cache/kafka-$version
password=signalcast-secret

fetch() { maven -f "$here/kafka/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$1"; }

tool() { # CLASS ARGS...
  java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog.level=WARN -Dlog4j2.configurationFile="$here/kafka/log4j2.properties" \
    -cp "$home/*" "$@"
}

start() {
  local all=("$@") port='' secure='' lines=()
  while [ $# -gt 0 ]; do
    case $1 in
      --port) port=$2; shift 2 ;;
      --secure) secure=1; shift ;;
      --set) lines+=("$2"); shift 2 ;;
      --clean) shift ;;
      *) die "unknown option $1" ;;
    esac
  done
  [ -n "$port" ] || { port=$(free_ports 4); all+=(--port "$port"); }
  printf '%s\0' "${all[@]}" | grep -zvx -e --clean >"$dir/options"
  local p listeners=PLAINTEXT://127.0.0.1:$port controller=CONTROLLER://127.0.0.1:$((port + 1))
  [ -z "$secure" ] || listeners+=,SASL_SSL://127.0.0.1:$((port + 2)),SSL://127.0.0.1:$((port + 3))
  for p in $(grep -o '[0-9]*$' <<<"${listeners//,/$'\n'}"$'\n'"$controller"); do port_free "$p" || die "port $p is in use"; done
  {
    printf '%s\n' process.roles=broker,controller node.id=1 "controller.quorum.voters=1@127.0.0.1:$((port + 1))" \
      controller.listener.names=CONTROLLER inter.broker.listener.name=PLAINTEXT \
      "listeners=$listeners,$controller" "advertised.listeners=$listeners" \
      listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL \
      "log.dirs=$dir/data" num.partitions=1 group.initial.rebalance.delay.ms=0 \
      offsets.topic.replication.factor=1 offsets.topic.num.partitions=4 \
      transaction.state.log.replication.factor=1 transaction.state.log.min.isr=1 transaction.state.log.num.partitions=4
    # a killed broker can rejoin when its old session ends: after 3 s, not 9 s
    printf '%s\n' broker.session.timeout.ms=3000 broker.heartbeat.interval.ms=500
    if [ -n "$secure" ]; then
      "$here/certs.sh" "$dir/certs"
      cat "$dir/certs/server.key" "$dir/certs/server.pem" >"$dir/certs/server-keystore.pem"
      local jaas=org.apache.kafka.common.security
      printf '%s\n' sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER \
        "listener.name.sasl_ssl.plain.sasl.jaas.config=$jaas.plain.PlainLoginModule required user_plain=\"$password\";" \
        "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=$jaas.scram.ScramLoginModule required;" \
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=$jaas.scram.ScramLoginModule required;" \
        "listener.name.sasl_ssl.oauthbearer.sasl.jaas.config=$jaas.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=broker;" \
        ssl.keystore.type=PEM "ssl.keystore.location=$dir/certs/server-keystore.pem" \
        ssl.truststore.type=PEM "ssl.truststore.location=$dir/certs/ca.pem" listener.name.ssl.ssl.client.auth=required
    fi
    [ ${#lines[@]} = 0 ] || printf '%s\n' "${lines[@]}"
  } >"$dir/server.properties"
  # the first metadata contains the SCRAM users
  [ -e "$dir/data/meta.properties" ] ||
    tool kafka.tools.StorageTool format -t c2lnbmFsY2FzdC10ZXN0IQ -c "$dir/server.properties" \
      --add-scram "SCRAM-SHA-256=[name=scram-sha-256,password=$password]" \
      --add-scram "SCRAM-SHA-512=[name=scram-sha-512,password=$password]" >"$dir/format.log" 2>&1 || { cat "$dir/format.log" >&2; die "format failed"; }
  launch -Xms128m -Xmx512m -Dlog4j2.configurationFile="$here/kafka/log4j2.properties" -cp "$home/*" kafka.Kafka "$dir/server.properties"
  echo "kafka up, pid $pid, 127.0.0.1:$port"
}

is_up() { grep -q 'Kafka Server started' "$dir/server.log" 2>/dev/null; }

env() {
  local brokers; brokers=$(sed -n 's/^advertised.listeners=//p' "$dir/server.properties" | tr , '\n')
  sed -n 's:^PLAINTEXT\://:KAFKA_BROKERS=:p' <<<"$brokers"
  echo "KAFKA_PID=$pid"
  grep -q ^SSL <<<"$brokers" || return 0
  sed -n 's:^SASL_SSL\://:KAFKA_SASL_BROKERS=:p; s:^SSL\://:KAFKA_TLS_BROKERS=:p' <<<"$brokers"
  printf '%s\n' "KAFKA_PASSWORD=$password" "KAFKA_CERTS=$dir/certs"
}

main kafka "$@"
