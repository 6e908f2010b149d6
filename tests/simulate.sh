#!/usr/bin/env bash
# Plays the simulations, optimised: the rooms' core, the Jibris' core, both together, and the book of recordings.
#   tests/simulate.sh                  5,000 seeds of the first and the last, 2,000 of the others: always the same ones
#   tests/simulate.sh 1000000 random   so many of each, from a random one on, for a night
#   tests/simulate.sh 1000 700001      so many of each, from this one on
# A seed that breaks says how to play it again. For one: tests/simulate.sh 1 SEED
set -euo pipefail
cd "$(dirname "$0")/.."

first=${2:-1}
[ "$first" != random ] || first=$(shuf -i 1-4000000000 -n 1)
echo "from seed $first on"

# The other tests are compiled sooner than they would be run sooner; these play thousands of seeds.
optimised=(cargo --config 'profile.test.package.jibri-autostart.opt-level=2'
  --config 'profile.test.package.model.opt-level=2' test --locked --quiet)
export SIM_FIRST=$first FLEET_FIRST=$first TOGETHER_FIRST=$first RECORDINGS_FIRST=$first
export SIM_SEEDS=${1:-5000} FLEET_SEEDS=${1:-2000} TOGETHER_SEEDS=${1:-2000} RECORDINGS_SEEDS=${1:-5000}
"${optimised[@]}" --test core -- what_always_holds
