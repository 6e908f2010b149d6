#!/usr/bin/env bash
# Builds the container and runs the main job in it, beside a Prosody in a container: models of people, Jicofo and
# Jibri hold meetings, and the program in the image has them recorded. Exits with 77 where no engine is to be had.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v docker >/dev/null || ! timeout 20 docker info >/dev/null 2>&1; then
  echo "SKIPPED: no container engine answers here, so the image was neither built nor tried" >&2
  exit 77
fi

docker build --tag jibri-autostart:test --file deploy/docker/Dockerfile .
docker build --tag jibri-autostart-prosody:test - <<'PROSODY'
FROM debian:12-slim
RUN apt-get update -q && apt-get install -qy --no-install-recommends prosody && rm -rf /var/lib/apt/lists/*
ENTRYPOINT ["/usr/bin/prosody"]
PROSODY

base=$(sed -n 's/^FROM \(gcr.io.*\)$/\1/p' deploy/docker/Dockerfile)
docker pull --quiet "$base" >/dev/null
size() { docker image inspect --format '{{.Size}}' "$1"; }
beyond=$((($(size jibri-autostart:test) - $(size "$base")) / 1000000))
echo "the image is $beyond MB beyond its base"
[ "$beyond" -lt 30 ] || { echo "that is too much: 30 MB at most" >&2; exit 1; }
user=$(docker image inspect --format '{{.Config.User}}' jibri-autostart:test)
[ "$user" = 65532:65532 ] || { echo "the image runs as $user" >&2; exit 1; }
if docker run --rm --entrypoint /bin/sh jibri-autostart:test -c true 2>/dev/null; then
  echo "the image has a shell" >&2
  exit 1
fi

docker run --rm --read-only --env JIBRI_AUTOSTART_XMPP__DOMAIN=autostart.meet.jitsi --env JIBRI_AUTOSTART_XMPP__SECRET=s \
  --env JIBRI_AUTOSTART_MUC__DOMAINS=muc.meet.jitsi jibri-autostart:test check >/dev/null

# The demo plays the meetings; Prosody and the program that it starts are these containers, with the host's network.
wrappers=$(mktemp -d)
# Who kills the client leaves its container behind.
trap 'rm -rf "$wrappers"; docker ps -q --filter label=jibri-autostart-test | xargs -r docker rm -f >/dev/null' EXIT
cat >"$wrappers/prosody" <<'WRAPPER'
#!/bin/sh
exec docker run --rm --label jibri-autostart-test --interactive --init --network host --volume /tmp:/tmp jibri-autostart-prosody:test "$@"
WRAPPER
cat >"$wrappers/program" <<'WRAPPER'
#!/bin/sh
# run --config FILE: the demo writes it for itself only, and the image's user is another.
for config; do :; done
directory=$(dirname "$config")
chmod a+rX "$directory" "$config"
exec docker run --rm --label jibri-autostart-test --init --network host --read-only --cap-drop ALL \
  --security-opt no-new-privileges --volume "$directory:$directory:ro" --env JIBRI_AUTOSTART_HTTP__LISTEN=127.0.0.1:0 \
  jibri-autostart:test "$@"
WRAPPER
chmod +x "$wrappers"/*
cargo build --release --locked --example demo
timeline=$(JIBRI_AUTOSTART_TEST_PROSODY=$wrappers/prosody DEMO_BINARY=$wrappers/program \
  "${CARGO_TARGET_DIR:-target}/release/examples/demo")
echo "$timeline"
recorded=$(grep -c 'recording on, session' <<<"$timeline")
[ "$recorded" = 3 ] || { echo "$recorded of 3 recordings were made" >&2; exit 1; }
