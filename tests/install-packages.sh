#!/usr/bin/env bash
# System packages that some tests use: Squid, whose real log one of them imports. Where this is not Debian, not
# root, or there is no network, nothing is installed, and that test says why it is skipped.
set -uo pipefail
if command -v squid >/dev/null || [ -x /usr/sbin/squid ]; then exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "install-packages: squid is not installed, and only root on Debian could: the test of its log is skipped" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# A package that starts a service is not to start it here.
options=(-y -q --no-install-recommends -o APT::Update::Error-Mode=any -o Acquire::Retries=1 -o Acquire::http::Timeout=20)
install() { timeout 180 apt-get install "${options[@]}" squid >/dev/null 2>&1; }
RUNLEVEL=1 install || { timeout 120 apt-get update -q >/dev/null 2>&1 && RUNLEVEL=1 install; } ||
    echo "install-packages: squid could not be installed: the test of its log is skipped" >&2
exit 0
