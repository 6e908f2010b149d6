#!/usr/bin/env bash
# Brings a Debian 12 machine with Rust to where all tests can run: Prosody 0.12 from apt, and Prosody 13 in a chroot of
# Debian 13; Chromium for the status page; what looks at packages, units, manifests and metrics; what Jibri's image has for
# its finalize script, and another shell; faketime for tests/years_ahead.sh; and fresh Debian 12 and 13 roots to install the
# package into. Needs root; does nothing that is already done.
set -euo pipefail

chroot_dir=${JIBRI_AUTOSTART_TEST_CHROOT:-/var/cache/jibri-autostart-tests/trixie}
# The mirror that this machine's own apt uses; without one, debootstrap's default.
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | grep -m1 '/debian/*$' || true)
export DEBIAN_FRONTEND=noninteractive

missing=()
# The tests use the programs of prometheus and systemd only; starting them as services is nobody's wish here.
for package in prosody debootstrap gcc libc6-dev chromium chromium-driver fonts-dejavu-core \
  systemd prometheus dpkg-dev man-db docker-compose python3-venv faketime iproute2 lua-check \
  curl ffmpeg busybox shellcheck; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -q
  apt-get install -qy --no-install-recommends "${missing[@]}"
fi

# A Debian that has nothing but what each has.
bootstrap() {
  [ -e "$2/.complete" ] && return
  # A half-made one cannot be continued.
  rm -rf "$2"
  mkdir -p "$2"
  debootstrap --variant=minbase --include=adduser "$1" "$2" ${mirror:+"$mirror"}
  # Debian's way to say that no service is to be started here.
  printf '#!/bin/sh\nexit 101\n' >"$2/usr/sbin/policy-rc.d"
  chmod +x "$2/usr/sbin/policy-rc.d"
  touch "$2/.complete"
}

# The package is installed into copies of these.
for suite in bookworm trixie; do
  bootstrap "$suite" "$(dirname "$chroot_dir")/fresh-$suite"
done

if [ ! -e "$chroot_dir/.complete" ]; then
  rm -rf "$chroot_dir"
  cp -a "$(dirname "$chroot_dir")/fresh-trixie" "$chroot_dir"
  rm "$chroot_dir/.complete"
  cp -r /etc/apt/apt.conf.d/. "$chroot_dir/etc/apt/apt.conf.d/"
  cp /etc/resolv.conf /etc/hosts "$chroot_dir/etc/"
  chroot "$chroot_dir" apt-get update -q
  chroot "$chroot_dir" apt-get install -qy --no-install-recommends prosody
  touch "$chroot_dir/.complete"
fi

# The schemas of Kubernetes.
schemas=$(dirname "$chroot_dir")/kubernetes-validate
if [ ! -e "$schemas/.complete" ]; then
  rm -rf "$schemas"
  /usr/bin/python3 -m venv "$schemas"
  # Nothing else comes from there, so that a machine without it loses this one check and says so.
  if "$schemas/bin/pip" install --quiet --retries 1 --timeout 20 kubernetes-validate==1.37.0; then
    touch "$schemas/.complete"
  else
    echo "the schemas of Kubernetes cannot be had: the manifests are not held to them" >&2
  fi
fi

# It packs one small program: compiling it sooner is worth more than its speed.
command -v cargo-deb >/dev/null || CARGO_PROFILE_DEV_DEBUG=0 cargo install cargo-deb --version 3.8.0 --locked --debug
