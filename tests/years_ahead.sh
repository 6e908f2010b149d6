#!/usr/bin/env bash
# Runs the tests that need neither Prosody nor a browser as if it were twenty years from now, fourteen hours ahead of
# UTC, with no network but loopback. A test that compares a fixed day with the clock fails here, and so does one that asks
# a name server, and code that takes local time for UTC. Needs root, and what tests/prepare.sh installs.
set -euo pipefail
cd "$(dirname "$0")/.."

tests=(--workspace --locked --lib --test edges)
# These of the documents start Prosody.
skipped=(--skip documents::prosody --skip documents::demo)

# Built by the machine's own clock, since cargo compares the times of files; run by the other one. Only the calendar is
# shifted: timeouts go by the monotonic clock, which is left alone.
cargo test "${tests[@]}" --no-run
later='faketime -m --exclude-monotonic -f +20y "$@"'
if unshare --net true 2>/dev/null; then
  alone=(unshare --net sh -euc "ip link set lo up; exec $later" sh)
else
  echo "the network cannot be taken away here: the tests run with it" >&2
  alone=(sh -euc "exec $later" sh)
fi
# Single quotes, in which TOML leaves everything as it is.
runner=$(printf "'%s', " "${alone[@]}")
TZ='<+14>-14' cargo --config "target.'cfg(all())'.runner = [$runner]" test "${tests[@]}" --no-fail-fast -- "${skipped[@]}"
