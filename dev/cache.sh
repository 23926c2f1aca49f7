# Where built things live, and how each is made only once. Sourced by the scripts of this folder.
# shellcheck shell=bash disable=SC2034
shopt -s inherit_errexit
dev=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${BACKUP_DEV_CACHE:-$HOME/.cache/backup-operator-dev}
kept=4 # builds of one artifact that stay in the cache
mkdir -p "$cache"/{bin,images,log,tmp}
[ ! -d "$cache/go/bin" ] || PATH=$cache/go/bin:$PATH

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
die() { say "$@" && exit 1; }

# The Kubernetes of the node: go/node's, or with KUBERNETES=MINOR that of go/node-MINOR.
node=node
[ "${KUBERNETES:-}" != 1.35 ] || unset KUBERNETES
if [ -n "${KUBERNETES:-}" ]; then
	node=node-$KUBERNETES
	[ -d "$dev/go/$node" ] || die "KUBERNETES is 1.35, or one of those there are (go/node-MINOR): $(cd "$dev/go" && echo node-*), not ${KUBERNETES@Q}"
fi

# kubernetes_of MODULE: the version that a module of go/ is of.
kubernetes_of() { awk '$1 == "k8s.io/kubernetes" && $2 ~ /^v/ { print substr($2, 2); exit }' "$dev/go/$1/go.mod"; }

# key STRING|PATH...: 16 hex digits that change when a string does, or a byte or a name at or below a path.
key() {
	local part
	for part in "$@"; do
		if [ -e "$part" ]; then
			(cd "$(dirname "$part")" && find "$(basename "$part")" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
		else
			printf '%s\n' "$part"
		fi
	done | sha256sum | cut -c1-16
}

# locked: one build, or one change of the cluster, at a time on this machine. Scripts that a locked one
# calls share its lock; a process that outlives the script must be started with descriptor 9 closed.
locked() {
	[ -z "${BACKUP_DEV_LOCKED:-}" ] || return 0
	exec 9>"$cache/lock"
	if ! flock -n 9; then
		say "waiting for another build or cluster command on this machine"
		flock -w 3600 9 || die "another command has held $cache/lock for an hour: end it first"
	fi
	export BACKUP_DEV_LOCKED=$$
}

# artifact NAME KEY SUFFIX COMMAND...: prints the path of an artifact of the cache. When it is not there,
# `COMMAND... OUT` makes it first, as a process of its own; half of one is never seen under the final name.
artifact() {
	local out=$cache/$1-$2$3 started=$SECONDS work
	if [ ! -e "$out" ]; then
		locked
	fi
	if [ ! -e "$out" ]; then
		say "making $(basename "$out")"
		find "$cache/tmp" -mindepth 1 -maxdepth 1 -exec rm -rf {} + # what a killed build left; the lock is ours
		work=$(mktemp -d "$cache/tmp/make.XXXXXX")
		if ! "${@:4}" "$work/out" >"$work/log" 2>&1; then
			tail -n 40 "$work/log" >&2
			rm -rf "$work"
			die "could not make $(basename "$out"): the end of its log is above"
		fi
		mv "$work/out" "$out"
		rm -rf "$work"
		say "made $(basename "$out") in $((SECONDS - started)) s"
		prune "$cache/$1" "$3"
	fi
	touch -c "$out"
	echo "$out"
}

# prune BASE SUFFIX: keeps the builds that were used last.
prune() {
	find "$(dirname "$1")" -maxdepth 1 -name "$(basename "$1")-????????????????$2" -printf '%T@ %p\n' |
		sort -rn | tail -n +$((kept + 1)) | cut -d' ' -f2- | xargs -r -d '\n' rm -rf
}

# rust_std TARGET...: Rust's own library for other systems. The toolchain that rust-toolchain.toml names is installed by rustup's own rustc where
# it is not there; `rustup target list` only says that it is not.
rust_std() {
	local have target
	command -v rustup >/dev/null || die "there is no rustup, which has Rust's own library for other systems"
	(cd "$dev" && rustc --version >/dev/null) || die "rustup cannot install the Rust that rust-toolchain.toml names: its words are above"
	have=$(cd "$dev" && rustup target list --installed)
	for target in "$@"; do
		grep -qx "$target" <<<"$have" || (cd "$dev" && rustup target add "$target") >&2
	done
}
