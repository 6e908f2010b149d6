#!/bin/sh
# Applies each line of mutations.txt to the core, runs the simulation, the one of both cores together and the property
# tests, puts the core back, and prints a table: what was changed, the first seed that finds it, and what it breaks.
#
#   tests/core/simulation/mutate.sh [NUMBER...]      SIM_SEEDS=2000 by default
#
# A line is NAME|FILE|OLD|NEW; `\|` stands for a bar. OLD is a literal text that has to occur exactly once.
set -eu
cd "$(dirname "$0")/../../.."
git diff --quiet -- src || { echo "src has changes; commit or stash them first" >&2; exit 1; }
trap 'git checkout -q -- src' EXIT INT TERM
export SIM_SEEDS="${SIM_SEEDS:-2000}" TOGETHER_SEEDS="${TOGETHER_SEEDS:-2000}" PROPTEST_CASES="${PROPTEST_CASES:-1500}"
log=$(mktemp)
echo "| # | mutation | caught by | what breaks |"
echo "|---|---|---|---|"
number=0
while IFS= read -r line; do
    number=$((number + 1))
    if [ $# -gt 0 ]; then
        case " $* " in *" $number "*) ;; *) continue ;; esac
    fi
    name=$(LINE="$line" perl -e '
        my ($name, $file, $old, $new) = map { s/\\\|/|/gr } split /(?<!\\)\|/, $ENV{LINE}, 4;
        open my $in, "<", $file or die "$file: $!"; local $/; my $text = <$in>; close $in;
        my $times = () = $text =~ /\Q$old\E/g;
        die "\"$old\" occurs $times times in $file\n" if $times != 1;
        my $at = index $text, $old; substr $text, $at, length $old, $new // "";
        open my $out, ">", $file or die "$file: $!"; print $out $text; close $out; print $name')
    if cargo test --quiet --test core simulation::what_always_holds >"$log" 2>&1; then
        caught="**not by the simulation**"; what=""
        if ! cargo test --quiet --test core together:: >"$log" 2>&1; then
            caught="together, seed $(grep -m1 -oE '^seed [0-9]+' "$log" | grep -oE '[0-9]+')"
            what=$(grep -m1 -oE '^seed [0-9]+: .*' "$log" | sed 's/^[^:]*: //; s/|/\//g' | cut -c1-90)
        elif ! cargo test --quiet --test core properties:: >"$log" 2>&1; then
            caught="properties"
            what=$(grep -m1 -A1 "panicked at tests/core/properties" "$log" | tail -1 | cut -c1-80)
        fi
    elif grep -q "^error" "$log" && ! grep -q "breaks (" "$log"; then
        caught="**does not build**"; what=""
        if grep -q "never happened" "$log"; then
            caught="reachability"; what=$(grep -m1 "never happened" "$log" | cut -c1-80)
        fi
    else
        caught="seed $(grep -m1 -oE 'seed [0-9]+ breaks' "$log" | grep -oE '[0-9]+')"
        what=$(grep -m1 -oE 'breaks \([0-9]+\): .*' "$log" | sed 's/^breaks //; s/|/\//g' | cut -c1-90)
    fi
    echo "| $number | $name | $caught | $what |"
    git checkout -q -- src
done <tests/core/simulation/mutations.txt
rm -f "$log"
