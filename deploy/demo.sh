#!/usr/bin/env bash
# Shows the program at work, on a Debian 12 machine with Rust; --help says what there is to see.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'EOF'
deploy/demo.sh [--companion | --resident | --unseen] [--keep] [--port N]
deploy/demo.sh --wedged [--keep] [--port N]

Starts a private Prosody on loopback (it is installed if it is missing, which needs root), models of Jicofo and Jibri, and
the real program. Meetings happen and their timeline is printed. Meanwhile the status page is at http://127.0.0.1:8790/, or
at a free port if that one is taken. Ends by itself.

  --keep       ends with meetings that go on until Ctrl-C, to look at the page: recorded ones, and one that waits for a Jibri
  --wedged     two Jibris, one of which says that it is idle and never records: it is found, restarted and used again
  --companion  the footprint with a module in Prosody, instead of the discreet one
  --resident   the footprint that stays in each meeting
  --unseen     the footprint that is never in a meeting (deprecated)
  --port N     another port for the page; 0 is any that is free
EOF
}

takes_value=
for argument in "$@"; do
  case $takes_value$argument in
    -h | --help) usage; exit ;;
    --port) takes_value=: ;;
    :* | --keep | --wedged | --companion | --resident | --unseen) takes_value= ;;
    *) echo "demo.sh: $argument is not an option" >&2; usage >&2; exit 2 ;;
  esac
done

if [ ! -x /usr/bin/prosody ]; then
  [ "$(id -u)" = 0 ] || { echo "Prosody is missing, and only root can install it: apt-get install prosody" >&2; exit 1; }
  echo "Installing Prosody."
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends prosody
fi
echo "Compiling the program and the demo. The first time this takes some minutes, later a few seconds."
SECONDS=0
cargo build --locked --bin jibri-autostart --example demo
echo "Compiled in $SECONDS s."
built=${CARGO_TARGET_DIR:-target}/debug
DEMO_BINARY=$built/jibri-autostart exec "$built/examples/demo" "$@"
