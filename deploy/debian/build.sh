#!/usr/bin/env bash
# Builds the Debian package and prints where it is. Needs cargo-deb (cargo install cargo-deb --locked) and dpkg-dev.
# What it is linked with decides where it can be installed: one built on Debian 12 runs on 12 and 13.
set -euo pipefail
cd "$(dirname "$0")/../.."

cargo build --release --locked --bin jibri-autostart >&2
release=${CARGO_TARGET_DIR:-target}/release
documents=$release/package
rm -rf "$documents"
mkdir -p "$documents"
"$release/jibri-autostart" man --dir "$documents/man"
gzip -9n "$documents"/man/*.1
for shell in bash zsh fish; do
  "$release/jibri-autostart" completions "$shell" >"$documents/completions.$shell"
done
cargo deb --no-build --no-strip --locked "$@"
