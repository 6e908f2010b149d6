#!/usr/bin/env bash
# Builds the Debian package and prints where it is. Needs cargo-deb (cargo install cargo-deb --locked) and dpkg-dev.
# What it is linked with decides where it can be installed: one built on Debian 12 runs on 12 and 13.
# JIBRI_AUTOSTART_DEB_PROFILE=dev makes one of what the tests have compiled anyway: larger, and good for tests only.
set -euo pipefail
cd "$(dirname "$0")/../.."

# Bytes of the stripped program.
largest=$((12 * 1024 * 1024))
profile=${JIBRI_AUTOSTART_DEB_PROFILE:-release}
cargo build --profile "$profile" --locked --bin jibri-autostart >&2
built=${CARGO_TARGET_DIR:-target}/${profile/#dev/debug}
if [ "$profile" = release ]; then
  size=$(stat -c %s "$built/jibri-autostart")
  echo "the program has $size bytes, of $largest that it may have" >&2
  [ "$size" -le "$largest" ]
fi
documents=$built/package
rm -rf "$documents"
mkdir -p "$documents"
"$built/jibri-autostart" man --dir "$documents/man"
gzip -9n "$documents"/man/*.1
for shell in bash zsh fish; do
  "$built/jibri-autostart" completions "$shell" >"$documents/completions.$shell"
done
# One for the tests is unpacked at once and thrown away.
speed=()
[ "$profile" = release ] || speed=(--fast)
cargo deb --no-build --profile "$profile" --strip --locked "${speed[@]}" "$@"
