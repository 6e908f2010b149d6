#!/usr/bin/env bash
# Has axe examine the status page in every situation, light and dark; needs npm. Not a part of the other tests, since
# no Debian package has axe-core.
set -euo pipefail
cd "$(dirname "$0")/.."

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
npm pack --silent --pack-destination "$directory" axe-core@4.14.1 >/dev/null
tar -xzf "$directory"/axe-core-*.tgz -C "$directory" package/axe.min.js
AXE="$directory/package/axe.min.js" cargo test --locked --test system -- --ignored --nocapture axe_finds_nothing
