#!/usr/bin/env bash
# ZooKeeper's API of snapshots: `POST /commands/restore` of a whole snapshot says 200 and no error, and the old data are there, until the server
# is started anew. Then it reads its own transaction log, which has all that came after the snapshot, and the restore is as if it had never been.
# Seen with: org.apache.zookeeper:zookeeper 3.9.5 (Maven). Ends with 0 while that is so.
set -euo pipefail
version=3.9.5
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
of() { echo "<dependency><groupId>$1</groupId><artifactId>$2</artifactId><version>$3</version></dependency>"; }
cat >pom.xml <<END
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>finding</groupId><artifactId>finding</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>$(of org.apache.zookeeper zookeeper $version; of org.eclipse.jetty jetty-servlet 9.4.57.v20241219; of com.fasterxml.jackson.core jackson-databind 2.15.2
of commons-cli commons-cli 1.5.0; of io.dropwizard.metrics metrics-core 4.1.12.1; of org.xerial.snappy snappy-java 1.1.10.5)</dependencies></project>
END
mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.0:copy-dependencies -DoutputDirectory=lib >log 2>&1
ports() { python3 -c 'import socket; s = [socket.socket() for _ in range(2)]; [x.bind(("127.0.0.1", 0)) for x in s]; print(*[x.getsockname()[1] for x in s])'; }
read -r client admin < <(ports)
mkdir data
printf '%s\n' "dataDir=$work/data" "clientPort=$client" "admin.serverPort=$admin" admin.serverAddress=127.0.0.1 >zoo.cfg
starts() {
	java -Xmx128m -cp 'lib/*' org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg >log 2>&1 &
	for _ in $(seq 100); do
		curl -sf -o /dev/null "http://127.0.0.1:$admin/commands/ruok" && return
		sleep 0.2
	done
	return 1
}
cli() { { echo 'addauth digest root:secret' && printf '%s\n' "$@"; } | java -cp 'lib/*' org.apache.zookeeper.ZooKeeperMain -server "127.0.0.1:$client" 2>/dev/null; }
value() { cli 'get /a' | grep -xE 'old|new'; }
ask() { curl -sS --fail -H 'Authorization: digest root:secret' "$@"; }
starts
cli 'setAcl / auth:root:secret:cdrwa' 'create /a old' >/dev/null
ask -o snapshot "http://127.0.0.1:$admin/commands/snapshot?streaming=true"
cli 'set /a new' >/dev/null
ask -o said -H 'Content-Type: application/octet-stream' --data-binary @snapshot "http://127.0.0.1:$admin/commands/restore"
restored=$(value)
kill %1
wait %1 || true
starts
after=$(value)
echo "ZooKeeper $version: restore says $(tr -d ' \n' <said); /a is '$restored' then, and '$after' after a restart"
[ "$restored $after" = "old new" ]
