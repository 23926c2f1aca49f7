#!/usr/bin/env bash
# MinIO, whose client goes away while it completes an upload, may be left with neither: there is no object, and the upload is there and lists no
# part, so that each further completion ends with InvalidPart. AWS documents a completion as one that either is or is not, and can be asked again.
# Seen with: MinIO of 2026-02-12 (Go module github.com/minio/minio), 3 parts of 5 MiB, connections closed after 0 to 3 ms. Ends with 0 while that is so.
set -euo pipefail
version=v0.0.0-20260212201848-7aac2a2c5b7c
work=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; chmod -R u+w "$work"; rm -rf "$work"' EXIT
(cd "$work" && go mod init found && go get "github.com/minio/minio@$version" && go build -trimpath -buildvcs=false -ldflags '-s -w' -o minio github.com/minio/minio) >"$work/log" 2>&1 || { tail "$work/log" >&2 && exit 2; }
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir "$work/data"
"$work/minio" server --quiet --address "127.0.0.1:$port" "$work/data" >"$work/log" 2>&1 &
server=$!
for _ in $(seq 100); do
	curl -s -o /dev/null "http://127.0.0.1:$port/" && break
	sleep 0.1
done
python3 - "$port" "$version" <<'PYTHON'
import datetime, hashlib, hmac, http.client, os, re, socket, struct, sys, time

port, version = int(sys.argv[1]), sys.argv[2]
key = "minioadmin"


def signed(method, path, query, body):
    """By Signature Version 4: headers, and the query as it was signed."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body).hexdigest()
    headers = {"host": f"127.0.0.1:{port}", "x-amz-content-sha256": digest, "x-amz-date": now}
    query, names = "&".join(f"{name}={value}" for name, value in sorted(query)), ";".join(headers)
    request = "\n".join([method, path, query, *(f"{name}:{value}" for name, value in headers.items()), "", names, digest])
    scope = f"{now[:8]}/us-east-1/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(request.encode()).hexdigest()])
    secret = ("AWS4" + key).encode()
    for part in scope.split("/"):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return headers, query


def ask(method, path, query=(), body=b""):
    headers, query = signed(method, path, query, body)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, f"{path}?{query}", body, headers)
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    connection.close()
    return answer.status, text, answer.getheader("ETag")


def ask_and_go(path, query, body, after):
    headers, query = signed("POST", path, query, body)
    lines = [f"POST {path}?{query} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), f"content-length: {len(body)}", "", ""]
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall("\r\n".join(lines).encode() + body)
    time.sleep(after)
    # As the kernel does for a process that is killed with bytes unread.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


ask("PUT", "/bucket")
part = os.urandom(5 << 20)
for n in range(200):
    path = f"/bucket/object-{n}"
    upload = [("uploadId", re.search("<UploadId>(.*?)<", ask("POST", path, [("uploads", "")])[1])[1])]
    etags = [ask("PUT", path, [("partNumber", str(number)), *upload], part)[2] for number in (1, 2, 3)]
    listed = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number, etag in enumerate(etags, 1))
    body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
    ask_and_go(path, upload, body, n % 31 / 10000)
    # Whatever it still does is over by then.
    time.sleep(1)
    there, (again, words, _), parts = ask("HEAD", path)[0], ask("POST", path, upload, body), ask("GET", path, upload)[1].count("<Part>")
    ask("DELETE", path)
    if again == 400:
        code = re.search("<Code>(.*?)<", words)[1]
        print(f"MinIO {version}: try {n + 1}: a second after its client had gone there is no object ({there}), the upload has {parts} parts, and completing it again is answered {again} {code}")
        sys.exit((there, parts, code) != (404, 0, "InvalidPart"))
sys.exit("none of 200 completions was lost")
PYTHON
