#!/bin/sh
# Applies each line of mutations.txt to the core, runs the simulation, the one of both cores together and the property
# tests, puts the core back, and prints a table: what was changed, the first seed that finds it, and what it breaks.
#
#   tests/core/simulation/mutate.sh [NUMBER...]   all of them, or these
#   tests/core/simulation/mutate.sh --check       looks only whether each of them can be made; builds nothing
#
# Most are found by the first few seeds (FEW_SEEDS, 300), which take less time than to compile the core optimised. That
# is done for the others, which then play SIM_SEEDS and TOGETHER_SEEDS (2000) and PROPTEST_CASES (1500).
#
# A line is NAME|FILE|OLD|NEW; `\|` stands for a bar. OLD is a literal text that has to occur exactly once.
set -eu
cd "$(dirname "$0")/../../.."
lines=tests/core/simulation/mutations.txt

# Makes the mutation of this number and prints its name; without a number, says which could not be made.
mutate() {
    perl -we '
        use strict;
        my ($lines, $only) = @ARGV;
        my ($number, $bad) = (0, 0);
        my $read = sub { open my $in, "<", $_[0] or return ""; local $/; <$in> };
        for (split /\n/, $read->($lines)) {
            $number++;
            next if $only && $number != $only;
            my ($name, $file, $old, $new) = map { s/\\\|/|/gr } split /(?<!\\)\|/, $_, 4;
            my $text = $read->($file);
            my $times = () = $text =~ /\Q$old\E/g;
            if ($times != 1) { print STDERR "$number: \"$old\" occurs $times times in $file\n"; $bad = 1; next }
            next if !$only;
            substr $text, index($text, $old), length $old, $new;
            open my $out, ">", $file or die "$file: $!";
            print $out $text;
            print $name;
        }
        exit $bad' "$lines" "${1:-}"
}

if [ "${1:-}" = --check ]; then
    mutate
    exit
fi

git diff --quiet -- src || { echo "src has changes; commit or stash them first" >&2; exit 1; }
trap 'git checkout -q -- src' EXIT INT TERM
export SIM_SEEDS="${SIM_SEEDS:-2000}" TOGETHER_SEEDS="${TOGETHER_SEEDS:-2000}" PROPTEST_CASES="${PROPTEST_CASES:-1500}"
log=$(mktemp)
optimised=profile.test.package.jibri-autostart.opt-level=2

few() { SIM_SEEDS="${FEW_SEEDS:-300}" cargo test --locked --quiet --test core "$1" >"$log" 2>&1; }
many() { cargo --config "$optimised" test --locked --quiet --test core "$1" >"$log" 2>&1; }
# The first line of the log with this, without what comes before it.
said() { grep -m1 -oE "$1.*" "$log" | sed "s/^$2//; s/|/\//g" | cut -c1-90; }

echo "| # | mutation | caught by | what breaks |"
echo "|---|---|---|---|"
[ $# -gt 0 ] || set -- $(seq "$(wc -l <"$lines")")
for number; do
    name=$(mutate "$number")
    what=""
    if ! cargo test --locked --quiet --no-run --test core >"$log" 2>&1; then
        caught="**does not build**"
    elif ! few simulation::what_always_holds || ! many simulation::what_always_holds; then
        if grep -q "never happened" "$log"; then
            caught="reachability"
            what=$(said "never happened")
        else
            caught="seed $(grep -m1 -oE 'seed [0-9]+ breaks' "$log" | tr -dc 0-9)"
            what=$(said 'breaks \([0-9]+\): ' 'breaks ')
        fi
    elif ! many together::; then
        caught="together, seed $(grep -m1 -oE '^seed [0-9]+' "$log" | tr -dc 0-9)"
        what=$(said '^seed [0-9]+: ' 'seed [0-9]*: ')
    elif ! many properties::; then
        caught="properties"
        what=$(grep -m1 -A1 "panicked at tests/core/properties" "$log" | tail -1 | cut -c1-80)
    else
        caught="**not by the simulation**"
    fi
    echo "| $number | $name | $caught | $what |"
    git checkout -q -- src
done
rm -f "$log"
