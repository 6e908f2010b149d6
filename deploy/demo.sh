#!/usr/bin/env bash
# Shows the program at work, on a fresh Debian 12 with Rust: installs Prosody if it is missing, starts a private one on
# loopback with models of Jicofo and Jibri, lets meetings happen and prints their timeline. Ends by itself;
# --keep leaves everything running until Ctrl-C; --companion, --resident and --unseen show the other footprints instead of the
# discreet one.
# --wedged shows instead how a Jibri that says it is idle and works no more is found, restarted and back in use.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ ! -x /usr/bin/prosody ]; then
  [ "$(id -u)" = 0 ] || { echo "Prosody is missing, and only root can install it: apt-get install prosody" >&2; exit 1; }
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends prosody
fi
cargo build --release --locked --bin jibri-autostart --example demo
built=${CARGO_TARGET_DIR:-target}/release
DEMO_BINARY=$built/jibri-autostart exec "$built/examples/demo" "$@"
