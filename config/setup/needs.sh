#!/bin/sh
# What this machine lacks for `make`, all at once and before anything is installed; exit 1 where it lacks something.
# POSIX sh: it runs before there is a Python. Usage: needs.sh PYTHON
set -u
python=$1
cc=${CC:-cc}
disk_need_mb=1700 # 1,240 in this folder when all is done; what is fetched and unpacked meanwhile, the rest

lacks=
packages=

lack() { # SENTENCE [PACKAGE]
    lacks="$lacks
  - $1"
    packages="$packages${2:+ $2}"
}

if [ "$(uname -s)" != Linux ]; then
    echo "solquote runs on Linux alone (shared memory with futexes, /proc, sd_notify), and this is $(uname -s): use a Linux machine, container or virtual machine" >&2
    exit 1
fi

if ! command -v "$python" >/dev/null; then
    lack "Python 3.11, 3.12 or 3.13: '$python' is not there (another one: make PYTHON=python3.12)" \
        "python3 python3-dev python3-venv"
elif ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; then
    hint='another one: make PYTHON=python3.12'
    for one in python3.11 python3.12 python3.13; do
        command -v "$one" >/dev/null && hint="$one is there: make PYTHON=$one"
    done
    lack "Python 3.11, 3.12 or 3.13: '$python' is $("$python" --version 2>&1) ($hint)"
else
    case $python in */*) named=python3 ;; *) named=$python ;; esac
    "$python" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' ||
        lack "the headers of $python: Python.h is not there" "$named-dev"
    "$python" -c 'import ensurepip, venv' 2>/dev/null || lack "the venv module of $python" "$named-venv"
fi
if ! command -v "$cc" >/dev/null; then
    lack "a C compiler: '$cc' is not there" build-essential
else
    scratch=$(mktemp -d) || exit 1
    trap 'rm -rf "$scratch"' EXIT
    printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' >"$scratch/empty.c"
    "$cc" "$scratch/empty.c" -o "$scratch/empty" 2>/dev/null ||
        lack "a C compiler that compiles: '$cc' cannot make an empty program (the C library's headers?)" build-essential
fi

if [ ! -x .venv/bin/python ]; then
    free_mb=$(df -Pk . | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free_mb" -ge "$disk_need_mb" ] ||
        lack "$disk_need_mb MB of disk: $(pwd) has $free_mb MB free"
fi

[ -n "$lacks" ] || exit 0
echo "solquote lacks on this machine:$lacks" >&2
if [ -n "$packages" ]; then
    if command -v apt-get >/dev/null; then
        root='sudo '
        [ "$(id -u)" -ne 0 ] || root=
        echo "this mends it (as root, after 'apt-get update'):" >&2
        echo "  ${root}apt-get install --yes$packages" >&2
    else
        echo "install what Debian calls$packages with this system's package manager" >&2
    fi
fi
exit 1
