# Every verb that a person or CI runs. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help cluster cluster-down load kubeconfig images cli cli-targets demo docs test test-stores upgrades faults soak fuzz kubernetes fuzz-guided mutants bench bench-latency bench-memory bench-network bench-rate bench-scale bench-scrape bench-stages bench-start docs-pictures lint fmt generate release release-sign release-test release-source reproducible arm64

help: ## lists the verbs
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo 'KUBECONFIG_TEST=FILE makes demo and test use the cluster of that kubeconfig; dev/README.md says more.'

cluster: ## brings the local Kubernetes cluster up, or finds it up (CONTAINERD=2: with containerd 2)
	@dev/cluster up

cluster-down: ## ends the local cluster and removes every trace of it
	@dev/cluster down

load: cluster ## builds the operator's image and hands it to the local cluster
	@dev/operator load

kubeconfig: ## prints the path of the local cluster's kubeconfig
	@dev/cluster kubeconfig

images: ## makes all images (the operator's, databases, MinIO) and prints their paths
	@dev/tools build
	@dev/image minio mysql postgres redis recipes-java recipes-net recipes-sql static tinyproxy
	@dev/operator image

cli: ## builds kubectl-backup, static and below 15 MB, and prints its path; on the PATH it answers to `kubectl backup` (ARCH=arm64)
	@dev/cli $(ARCH)

cli-targets: ## type-checks kubectl-backup for Windows, macOS and 64-bit ARM
	@dev/cli targets

release: ## makes dist/, all that a release gives away (VERSION=1.2.3; IMAGE, DOWNLOADS: docs/operations/release.md)
	@dev/release "$(VERSION)"

release-sign: ## signs dist/ by cosign, best on another machine than the one that built it (COSIGN_KEY; DIST=FOLDER)
	@dev/release-sign

release-test: ## holds dist/ against what it should be, by SBOMs' libraries, kubeconform, krew's and OLM's rules, Helm, a registry and cosign, and starts its programs (VERSION=1.2.3)
	@dev/release-test "$(VERSION)"

release-source: ## makes all of dist/ but its programs again, of its commit, and compares every byte (VERSION=1.2.3; DIST=FOLDER)
	@dev/release-source "$(VERSION)"

reproducible: ## makes a release twice, in two folders and on two days, and compares every byte (VERSION=1.2.3; FIRST=DIST: once, and compares with that)
	@dev/reproducible "$(VERSION)"

arm64: ## runs the tests of the agent and of its pipeline as programs for 64-bit ARM, under qemu
	@dev/arm64 test

demo: ## backs a MariaDB up into the operator's own store on a real cluster, drops its tables, restores them and compares (RELEASE=dist: with what a release ships)
	@dev/demo

test: ## runs every test: crates, S3 servers, and end to end on a cluster
	@dev/test

test-stores: ## holds ten S3 servers and our own store against the rules, and writes docs/reference/stores.md (SERVERS="NAME..." for some)
	@dev/test-stores $(SERVERS)

upgrades: ## upgrades the release before (dev/previous) to this one by Helm, and goes back, with runs under way; builds both operators
	@dev/upgrades

faults: ## provokes every fault on a cluster, and prints a table of how each ended and what it left
	@dev/faults

soak: ## runs what takes minutes: stores that stay away, a backup of 20 GiB, 300 schedules on one tick
	@dev/soak

kubernetes: ## the data path on clusters of Kubernetes 1.33 to 1.37, and the table of docs/reference/kubernetes.md; an hour and a half from nothing
	@dev/kubernetes

fuzz: ## throws random and mutated bytes at every parser of outside bytes, for 10 minutes each (SECONDS=n for another time)
	@dev/fuzz $(or $(SECONDS),600)

fuzz-guided: ## the same, led by what code an input reaches: libFuzzer over fuzz/, for a minute each (SECONDS=n; NAME=part for some)
	@dev/fuzz-guided $(or $(SECONDS),60) $(NAME)

mutants: ## changes one thing of the planner at a time, and says which changes no test notices (FILES="run/delete history"; SHARD=1/8; all of it takes most of a day)
	@dev/mutants $(FILES)

bench-memory: ## measures the memory that the agent takes, by size and compression
	@dev/with-cluster --without sh -c 'BENCH_AGENT=$$TEST_AGENT_BIN dev/cargo test -q --locked -p agent --test memory'

bench-network: ## measures the agent over lines of 50 ms (BASELINE=rev beside that revision's; BENCH_MIB, BENCH_ROUNDS, BENCH_ONLY)
	@dev/bench-network

bench-latency: ## measures a trivial run stage by stage, beside a bare Pod, 100 times (RUNS=n)
	@dev/with-cluster dev/bench-latency $(RUNS)

bench-rate: ## measures scheduled backups a minute beside the node's own Pods, and what waiting runs take (ARGS="80 200"; MINUTES, WAITING)
	@dev/with-cluster dev/bench-rate $(ARGS)

bench: ## measures speed, CPU and memory on the cluster, beside `kubectl exec` and a pipe by hand (BASELINE=rev beside that revision's; BENCH_MIB)
	@dev/with-cluster dev/bench

bench-scale: ## measures the operator with 1,000 to 50,000 runs, on API servers of its own (BASELINE=REVISION beside it; ARGS=...)
	@dev/bench-scale $(ARGS)

bench-scrape: ## measures a scrape of 10,000 schedules: its time, plain and compressed, and the bytes of its answer
	@dev/cargo bench --quiet --locked -p metrics --profile counted --bench scrape

bench-stages: ## measures each stage of the agent's pipeline alone: MB/s by algorithm, level and threads (ARGS=... for criterion)
	@dev/bench-stages $(ARGS)

bench-start: ## measures how long the operator takes from its start until it is ready, without a lease (BASELINE=REVISION beside it; ARGS="--rounds 20")
	@dev/bench-scale cold $(ARGS)

docs: ## builds the documentation as a book with search (mdBook), fails on a warning or a link that leads nowhere, and prints its first page's path
	@dev/docs

docs-pictures: ## draws docs/pictures: dashboards by what their queries give, and the pages of `kubectl backup ui` (11 min; ONLY=ui for these)
	@dev/with-cluster dev/docs-pictures $(ONLY)

lint: ## checks formats, clippy, dependencies (deny.toml; ADVISORY_DB=DIR also known vulnerabilities) and the shell scripts
	@dev/lint

fmt: ## formats the Rust and Go sources
	@dev/cargo fmt --all
	@gofmt -w dev

generate: ## writes the generated manifests again (deploy/, docs/reference/)
	@dev/cargo xtask generate
