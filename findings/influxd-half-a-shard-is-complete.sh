#!/usr/bin/env bash
# `influxd backup -portable` takes the end of a connection for the end of a shard: when the server goes away in the middle of one, it says
# "backup complete" and ends with 0. The shard's file is a whole gzip of half a tar archive, and the restore of it fails.
# Here something between the two ends the connection after 40,000 bytes of 51,421, as the kernel of a server that is killed does.
# Seen with: influxdb 1.6.7~rc0-1+b13 (Debian 12). Ends with 0 while that is so.
set -euo pipefail
version='1.6.7~rc0-1+b13'
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet --quiet -o APT::Sandbox::User=root "influxdb=$version" "influxdb-client=$version"
for package in ./*.deb; do dpkg-deb -x "$package" .; done
PATH=$work/usr/bin:$PATH
ports() { python3 -c 'import socket; s = [socket.socket() for _ in range(3)]; [x.bind(("127.0.0.1", 0)) for x in s]; print(*[x.getsockname()[1] for x in s])'; }
read -r rpc http between < <(ports)
cat >conf <<END
bind-address = "127.0.0.1:$rpc"
reporting-disabled = true
[meta]
  dir = "$work/meta"
[data]
  dir = "$work/data"
  wal-dir = "$work/wal"
[http]
  bind-address = "127.0.0.1:$http"
END
influxd -config conf >log 2>&1 &
for _ in $(seq 100); do
	influx -port "$http" -execute 'CREATE DATABASE shop' >/dev/null 2>&1 && break
	sleep 0.1
done
for i in $(seq 20000); do echo "m,h=$((i % 50)) v=$((i * 7)) ${i}000000000"; done >lines
curl -sSf --data-binary @lines "http://127.0.0.1:$http/write?db=shop"
cat >cut.py <<'END'
import os, socket, sys, threading
port, server, left = map(int, sys.argv[1:])
listener = socket.create_server(("127.0.0.1", port))
def up(client, to):
    while data := client.recv(4096):
        to.sendall(data)
def down(client):
    global left
    to = socket.create_connection(("127.0.0.1", server))
    threading.Thread(target=up, args=(client, to), daemon=True).start()
    while data := to.recv(4096):
        client.sendall(data[:left])
        left -= len(data)
        if left <= 0:
            client.shutdown(socket.SHUT_WR)
            os._exit(0)
    client.shutdown(socket.SHUT_WR)
while True:
    threading.Thread(target=down, args=(listener.accept()[0],), daemon=True).start()
END
python3 cut.py "$between" "$rpc" 40000 2>/dev/null &
sleep 0.5
status=0
influxd backup -portable -host "127.0.0.1:$between" backup >said 2>&1 || status=$?
complete=$(grep -c 'backup complete' said || true)
influx -port "$http" -execute 'DROP DATABASE shop'
restored=0
influxd restore -portable -host "127.0.0.1:$rpc" backup >said 2>&1 || restored=$?
echo "influxd $version: a backup that was cut ends with $status ('backup complete': $complete), its restore with $restored: $(tail -n 1 said)"
[ "$status $complete $restored" = "0 1 1" ]
