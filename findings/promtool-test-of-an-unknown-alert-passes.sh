#!/usr/bin/env bash
# `promtool test rules` takes an alert that no rule has for one that does not fire, and a series that no rule asks for without a
# word: a test that an alert keeps silent (`exp_alerts: []`) passes for a misspelt name, and goes on passing after the alert was
# renamed or removed. Who relies on such tests needs one of his own that the names are there.
# Seen with: promtool 3.13.5 (Go module github.com/prometheus/prometheus v0.313.5). Ends with 0 while that is so.
set -euo pipefail
version=v0.313.5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
go mod init finding >log 2>&1
go get -tool "github.com/prometheus/prometheus/cmd/promtool@$version" >>log 2>&1
CGO_ENABLED=0 go build -tags remove_all_sd -o promtool github.com/prometheus/prometheus/cmd/promtool >>log 2>&1
cat >rules.yaml <<'RULES'
groups:
- name: one
  rules:
  - alert: DiskFull
    expr: disk_used_ratio > 0.9
RULES
# Every name in this test is misspelt; the disk is full all the time.
cat >test.yaml <<'TEST'
rule_files: [rules.yaml]
tests:
- interval: 1m
  input_series:
  - series: disk_use_ratio{disk="a"}
    values: 1x20
  alert_rule_test:
  - alertname: DiskFul
    eval_time: 10m
    exp_alerts: []
TEST
status=0
said=$(./promtool test rules test.yaml 2>&1) || status=$?
printf 'promtool %s: of an alert that no rule has, and a series that no rule asks for: status %s,%s\n' "$version" "$status" "$(tr -s '\n ' ' ' <<<"$said")"
[ "$status" = 0 ]
