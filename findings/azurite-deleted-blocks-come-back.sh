#!/usr/bin/env bash
# Azurite keeps the blocks of a blob that has nothing else when that is deleted: it answers 202 and lists the blob no more, and after the next
# block of that name the old ones can be committed again. Azure says that such blocks are discarded with the blob.
# Who tries on it that a dropped upload is gone sees an empty list, and an upload that can still be finished.
# Seen with: Azurite 3.35.0 (npm). Ends with 0 while that is so.
set -euo pipefail
version=3.35.0
work=$(mktemp -d)
trap '[ -z "${server:-}" ] || { kill -KILL "$server"; wait "$server"; } 2>/dev/null || true; rm -rf "$work"' EXIT
npm install --silent --no-audit --no-fund --prefix "$work" "azurite@$version" >&2
port=$(python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
AZURITE_ACCOUNTS="acct:$(printf 'a key of nobody, for this test!!' | base64)" node "$work/node_modules/azurite/dist/src/blob/main.js" --blobHost 127.0.0.1 --blobPort "$port" \
	--inMemoryPersistence --skipApiVersionCheck --disableTelemetry >"$work/log" 2>&1 &
server=$!
python3 - "$port" "$version" <<'PY'
import base64, email.utils, hashlib, hmac, http.client, sys, time

port, version = int(sys.argv[1]), sys.argv[2]
key = b"a key of nobody, for this test!!"


def ask(verb, path, query=(), body=b""):
    headers = {"x-ms-date": email.utils.formatdate(usegmt=True), "x-ms-version": "2021-12-02"}
    length = str(len(body)) if body else ""
    resource = "/acct/acct" + path + "".join("\n%s:%s" % pair for pair in sorted(query))
    signed = "\n".join([verb, "", "", length] + [""] * 8 + ["%s:%s" % pair for pair in sorted(headers.items())] + [resource])
    mac = base64.b64encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).decode()
    headers["Authorization"] = "SharedKey acct:" + mac
    if body:
        headers["Content-Length"] = length
    elif verb == "PUT":
        headers["Content-Length"] = "0"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    text = "&".join("%s=%s" % (name, value.replace("=", "%3D")) for name, value in query)
    connection.request(verb, "/acct" + path + ("?" + text if text else ""), body or None, headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


for _ in range(300):
    try:
        if ask("PUT", "/con", [("restype", "container")])[0] == 201:
            break
    except OSError:
        pass
    time.sleep(0.1)


def block(name):
    return base64.b64encode(name).decode()


def put(name, body):
    return ask("PUT", "/con/blob", [("blockid", block(name)), ("comp", "block")], body)[0]


def listed():
    query = [("comp", "list"), ("include", "uncommittedblobs"), ("restype", "container")]
    return "<Name>blob</Name>" in ask("GET", "/con", query)[1]


first, there = put(b"one", b"dropped"), listed()
deleted, gone = ask("DELETE", "/con/blob")[0], not listed()
second = put(b"two", b"kept")
chosen = "".join("<Latest>%s</Latest>" % block(name) for name in (b"one", b"two"))
commit, _ = ask("PUT", "/con/blob", [("comp", "blocklist")], ('<?xml version="1.0" encoding="utf-8"?><BlockList>%s</BlockList>' % chosen).encode())
body = ask("GET", "/con/blob")[1]
print("Azurite %s: block %d (listed: %s), delete %d (listed no more: %s), another block %d, both committed: %d, read: %r"
      % (version, first, there, deleted, gone, second, commit, body))
sys.exit((first, there, deleted, gone, second, commit, body) != (201, True, 202, True, 201, 201, "droppedkept"))
PY
