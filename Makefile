# Every verb that a person or CI runs. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help cluster cluster-down load kubeconfig images cli cli-targets demo test test-stores faults soak fuzz bench bench-latency bench-memory bench-network bench-rate bench-scale bench-scrape bench-stages docs-pictures lint fmt generate

help: ## lists the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile
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
	@dev/image minio mysql postgres redis static tinyproxy
	@dev/operator image

cli: ## builds kubectl-backup, static and below 15 MB, and prints its path; on the PATH it answers to `kubectl backup` (ARCH=arm64)
	@dev/cli $(ARCH)

cli-targets: ## type-checks kubectl-backup for Windows, macOS and 64-bit ARM
	@dev/cli targets

demo: ## backs a MariaDB up into the operator's own store on a real cluster, drops its tables, restores them and compares
	@dev/demo

test: ## runs every test: crates, S3 servers, and end to end on a cluster
	@dev/test

test-stores: ## holds ten S3 servers and our own store against the rules, and writes docs/reference/stores.md (SERVERS="NAME..." for some)
	@dev/test-stores $(SERVERS)

faults: ## provokes every fault on a cluster, and prints a table of how each ended and what it left
	@dev/faults

soak: ## runs what takes minutes: stores that stay away, a backup of 20 GiB, 300 schedules on one tick
	@dev/soak

fuzz: ## throws random and mutated bytes at every parser of outside bytes, for 10 minutes each (SECONDS=n for another time)
	@dev/fuzz $(or $(SECONDS),600)

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

docs-pictures: ## draws docs/pictures: dashboards by what their queries give, and the pages of `kubectl backup ui` (11 min; ONLY=ui for these)
	@dev/with-cluster dev/docs-pictures $(ONLY)

lint: ## checks formats, clippy, dependencies (deny.toml; ADVISORY_DB=DIR also known vulnerabilities) and the shell scripts
	@dev/lint

fmt: ## formats the Rust and Go sources
	@dev/cargo fmt --all
	@gofmt -w dev

generate: ## writes the generated manifests again (deploy/, docs/reference/)
	@dev/cargo xtask generate
