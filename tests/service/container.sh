#!/bin/bash
# Boots a throwaway systemd as PID 1 over this machine's own root (an overlay in memory), until standard input ends.
#
#   container.sh NAME LOG [SHARED_FOLDER]      SHARED_FOLDER appears read-only as /opt/shared inside
#
# DOCFERRY_TEST_ROOT names another root than this machine's own: a folder with a newer Debian, say, for its systemd.
# Needs root and systemd-nspawn. Nothing is written to the machine's own root; killing this script kills the container.
# The caller runs commands inside with nsenter, through the container's PID 1, the grandchild of this process.
set -euo pipefail

name=$1 log=$2 shared=${3:-}

if [ -z "${IN_NAMESPACE:-}" ]; then
    export IN_NAMESPACE=1
    # A process namespace: nspawn survives kill -9 of its parent, a namespace's members do not survive their first process.
    exec unshare --mount --pid --fork --kill-child --mount-proc --propagation private -- bash "$0" "$@"
fi

base=$(mktemp -d /tmp/docferry-machine.XXXXXX)
group=/sys/fs/cgroup/$name

# A cgroup2 tree of our own view: on a hybrid host nspawn would not enforce IPAddressDeny.
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir "$group"
mount -t tmpfs -o size=6g tmpfs "$base"
mkdir "$base/upper" "$base/work" "$base/root"
mount -t overlay overlay -o "lowerdir=${DOCFERRY_TEST_ROOT:-/},upperdir=$base/upper,workdir=$base/work" "$base/root"
: >"$base/root/etc/machine-id"

cleanup() {
    kill -TERM "$nspawn" 2>/dev/null || true
    wait "$nspawn" || true
    echo 1 >"$group/cgroup.kill" || true
    # Leaving the group takes a moment after the last process died.
    for _ in $(seq 50); do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
        sleep 0.1
    done
    umount -l "$base/root" "$base"
    rmdir "$base"
}

(
    echo "$BASHPID" >"$group/cgroup.procs"
    exec systemd-nspawn --quiet --directory "$base/root" --machine "$name" --register=no --keep-unit \
        --private-network --capability=CAP_BPF --system-call-filter=bpf --console=read-only \
        --kill-signal=SIGRTMIN+3 ${shared:+--bind-ro="$shared:/opt/shared"} \
        --boot systemd.unit=basic.target
) >"$log" 2>&1 </dev/null &
nspawn=$!
trap cleanup EXIT

cat >/dev/null
