# Where built things live, and how one is made only once. Sourced by the scripts of this folder.
# shellcheck shell=bash
dev=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$dev")
cache=${BACKUP_DEV_CACHE:-$HOME/.cache/backup-operator-dev}
state=$cache/cluster # of the one cluster this machine runs
kept=4               # builds of one artifact that stay in the cache
mkdir -p "$cache"/{bin,images,log,tmp}
[ ! -d "$cache/go/bin" ] || PATH=$cache/go/bin:$PATH

say() { printf '%s %s\n' "$(basename "$0"):" "$*" >&2; }
die() { say "$@" && exit 1; }

# key STRING|PATH...: 16 hex digits that change when a string, or a byte or a name below a path, does.
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

# locked: one build, and one change of the cluster, at a time on this machine. Scripts called from a
# locked one share its lock; whatever outlives the script must close descriptor 9.
locked() {
	[ -z "${BACKUP_DEV_LOCKED:-}" ] || return 0
	exec 9>"$cache/lock"
	flock -n 9 || { say "waiting for another build or cluster command on this machine" && flock -w 3600 9; } ||
		die "gave up after an hour: $(fuser "$cache/lock" 2>/dev/null || true) still hold $cache/lock"
	export BACKUP_DEV_LOCKED=$$
}

# artifact FILE-WITHOUT-KEY KEY SUFFIX MAKER ARGS...: prints the path of the artifact, and calls
# `MAKER OUT ARGS...` first when there is none yet. A half-made one is never seen under its name.
artifact() {
	local base=$cache/$1 out=$cache/$1-$2$3 suffix=$3 started=$SECONDS work
	local maker=("${@:4}")
	if [ ! -e "$out" ]; then
		locked
		if [ ! -e "$out" ]; then
			say "making $(basename "$out")"
			work=$(mktemp -d "$cache/tmp/make.XXXXXX")
			if ! "${maker[0]}" "$work/out" "${maker[@]:1}" >"$work/log" 2>&1; then
				tail -n 40 "$work/log" >&2
				rm -rf "$work"
				die "could not make $(basename "$out")"
			fi
			mv "$work/out" "$out"
			rm -rf "$work"
			say "made $(basename "$out") in $((SECONDS - started)) s"
			prune "$base" "$suffix"
		fi
	fi
	touch -c "$out"
	echo "$out"
}

# prune BASE SUFFIX: keeps the builds that were used last.
prune() {
	find "$(dirname "$1")" -maxdepth 1 -name "$(basename "$1")-????????????????$2" -printf '%T@ %p\n' |
		sort -rn | tail -n +$((kept + 1)) | cut -d' ' -f2- | xargs -r -d '\n' rm -f
}
