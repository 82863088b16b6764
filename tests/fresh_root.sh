#!/usr/bin/env bash
# README's first block in a root that has nothing: first what is told where all is missing, then the packages, the clone,
# the setup, and a quote from the platform. Needs root, debootstrap and 3 GB; takes five to ten minutes.
#
#     sudo tests/fresh_root.sh                          Debian bookworm
#     sudo tests/fresh_root.sh trixie
#     sudo tests/fresh_root.sh noble MIRROR gutsy       Ubuntu on Debian: its mirror, and the script its suites share
set -euo pipefail
cd "$(dirname "$0")/.."
suite=${1:-bookworm}
root=$(mktemp -d "${TMPDIR:-/tmp}/solquote-$suite.XXXXXX")

leave() {
    for folder in dev/shm dev proc; do
        ! mountpoint --quiet "$root/$folder" || umount "$root/$folder"
    done
    rm -rf --one-file-system "$root"
}
trap leave EXIT
chmod 755 "$root" # apt fetches as a user of its own

inside() { # COMMAND, in the root's own home; certificates are this machine's, which may have more than usual
    env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        PIP_CERT=/etc/ssl/certs/ca-certificates.crt chroot "$root" /bin/bash -euc "cd /root && $1"
}

echo "== $suite: a root with the least there is"
debootstrap --variant=minbase --include=ca-certificates ${3:+--components=main,universe} "$suite" "$root" "${@:2}" >"$root.log" ||
    { tail -n 5 "$root.log"; exit 1; }
rm "$root.log"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
mount --bind /proc "$root/proc"
mount --bind /dev "$root/dev"
mount --make-private "$root/dev"
mount -t tmpfs tmpfs "$root/dev/shm"
git clone --quiet --bare . "$root/root/origin.git"

block=$(sed -n '/^```sh/,/^```/{/^```/!p}' README.md | head -n 3)
mapfile -t lines <<<"$block"
packages=${lines[0]#sudo } clone=${lines[1]//<this repository>/\/root\/origin.git} run=${lines[2]}
[[ $packages == apt-get* && $clone == "git clone"* && $run == "make run" ]] ||
    { echo "README's first block is not what this script follows: $block"; exit 1; }

echo "== what is told where all is missing"
git archive HEAD config/setup | tar -x -C "$root/root"
! inside "sh config/setup/needs.sh python3" || exit 1

echo "== $packages"
inside "apt-get update -qq && $packages >apt.log 2>&1"
echo "== $clone, make setup"
inside "$clone && make setup"
echo "== solquote up and a quote"
inside 'cd solquote
    .venv/bin/solquote up --free-ports >up.log 2>&1 &
    for _ in $(seq 120); do
        grep -q "processes are healthy" up.log && break
        sleep 1
    done
    tail -n 1 up.log
    .venv/bin/solquote quote SOL USDC 1.5
    kill %1 && wait %1'
echo "== $suite is welcome"
