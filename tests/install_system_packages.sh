#!/bin/sh
# Installs what the tests use beside Python packages: bubblewrap for the strongest sandbox, the kernel's
# headers, with which the numbers of system calls are compared, jq for the loop in the README, and a PostgreSQL
# server, of which the tests start instances of their own in temporary folders.
# Without the rights to do so it says what to type; tests that need it are then skipped, except in CI.
set -eu

missing=""
command -v bwrap >/dev/null 2>&1 || missing="$missing bubblewrap"
[ -e /usr/include/asm-generic/unistd.h ] || missing="$missing linux-libc-dev"
command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
command -v jq >/dev/null 2>&1 || missing="$missing jq"
[ -n "$missing" ] || exit 0

if command -v apt-get >/dev/null 2>&1; then
    if [ "$(id -u)" -eq 0 ]; then
        as_root=""
    elif sudo -n true 2>/dev/null; then
        as_root="sudo"
    else
        echo "some tests will be skipped; to run them all: sudo apt-get install -y$missing"
        exit 0
    fi
    $as_root apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq $missing >/dev/null
else
    echo "some tests will be skipped; install:$missing"
fi
