#!/usr/bin/env bash
# kubeconform does not see a document that begins on the line of its dashes, as YAML allows (`--- {kind: ...}`): it counts one object less, holds
# that one against nothing, and ends with 0. And it holds `kind: box` against the schema of Box, where an API server knows no box. Who has it say
# that a file is well has to count the objects himself.
# Seen with: kubeconform 0.8.0 (Go module github.com/yannh/kubeconform). Ends with 0 while that is so.
set -euo pipefail
version=v0.8.0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
go mod init finding >log 2>&1
go get -tool "github.com/yannh/kubeconform/cmd/kubeconform@$version" >>log 2>&1
CGO_ENABLED=0 go build -o kubeconform github.com/yannh/kubeconform/cmd/kubeconform >>log 2>&1
cat >box_v1.json <<'SCHEMA'
{"type": "object", "required": ["size"], "properties": {"kind": {"type": "string"}, "size": {"type": "integer"}}}
SCHEMA
holds() { # FILE
	local status=0
	./kubeconform -strict -summary -schema-location "$work/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json" "$1" >said 2>&1 || status=$?
	printf 'kubeconform %s: %s: status %s, %s\n' "$version" "$1" "$status" "$(tail -n 1 said)"
	return "$status"
}
# Of each file the second box has no size, which its schema asks for.
printf 'apiVersion: v1\nkind: Box\nmetadata: {name: one}\nsize: 1\n---\n{apiVersion: v1, kind: Box, metadata: {name: two}}\n' >below.yaml
printf 'apiVersion: v1\nkind: Box\nmetadata: {name: one}\nsize: 1\n--- {apiVersion: v1, kind: Box, metadata: {name: two}}\n' >beside.yaml
printf 'apiVersion: v1\nkind: box\nmetadata: {name: one}\nsize: 1\n' >lower-case.yaml
! holds below.yaml
holds beside.yaml
grep -q '1 resource found' said
holds lower-case.yaml
