#!/usr/bin/env bash
# certs.sh DIR creates certificates for TLS on 127.0.0.1 and localhost. Does nothing if valid ones exist.
#   ca.pem                                         an authority
#   server.pem server.key  client.pem client.key   certificates signed by ca.pem
#   other-ca.pem                                   an authority that signed none of them
# Keys are unencrypted PKCS#8.
set -euo pipefail
mkdir -p "$1"
cd "$1"
openssl x509 -checkend 86400 -noout -in client.pem >/dev/null 2>&1 && exit 0 # client.pem is created last

authority() { # NAME
  openssl req -x509 -newkey rsa:2048 -sha256 -nodes -days 3650 -subj "/CN=signalcast test $1" -keyout "$1.key" -out "$1.pem" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
}
leaf() { # NAME COMMON-NAME USAGE ALTERNATIVE-NAMES
  openssl req -newkey rsa:2048 -sha256 -nodes -subj "/CN=$2" -keyout "$1.key" -out "$1.csr" 2>/dev/null
  openssl x509 -req -sha256 -days 3650 -in "$1.csr" -CA ca.pem -CAkey ca.key -set_serial "0x$(openssl rand -hex 8)" -out "$1.pem" \
    -extfile <(printf 'basicConstraints=CA:FALSE\nkeyUsage=digitalSignature,keyEncipherment\nextendedKeyUsage=%s\nsubjectAltName=%s\n' "$3" "$4") 2>/dev/null
  rm "$1.csr"
}
authority ca
authority other-ca
rm other-ca.key
leaf server localhost serverAuth,clientAuth DNS:localhost,IP:127.0.0.1,IP:::1
leaf client signalcast-test clientAuth DNS:signalcast-test
chmod 600 ./*.key
