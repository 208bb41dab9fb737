#!/usr/bin/env bash
# System packages that some tests use: Squid, whose real log one of them imports, and Chromium, in which others look
# at pages. Where this is not Debian, not root, or there is no network, nothing is installed, and those tests say why
# they are skipped.
set -uo pipefail
wanted=()
if ! command -v squid >/dev/null && ! [ -x /usr/sbin/squid ]; then wanted+=(squid); fi
# A font beside it: without one no letter has a width.
if ! command -v chromium >/dev/null; then wanted+=(chromium fonts-dejavu-core); fi
if [ ${#wanted[@]} = 0 ]; then exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "install-packages: only root on Debian could install ${wanted[*]}: their tests are skipped" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# A package that starts a service is not to start it here.
options=(-y -q --no-install-recommends -o APT::Update::Error-Mode=any -o Acquire::Retries=1 -o Acquire::http::Timeout=20)
install() { timeout 300 apt-get install "${options[@]}" "${wanted[@]}" >/dev/null 2>&1; }
RUNLEVEL=1 install || { timeout 120 apt-get update -q >/dev/null 2>&1 && RUNLEVEL=1 install; } ||
    echo "install-packages: ${wanted[*]} could not be installed: their tests are skipped" >&2
exit 0
