#!/bin/sh
# Prosody under callgrind, which counts its instructions: as JIBRI_AUTOSTART_TEST_PROSODY of the bench.
exec valgrind --quiet --tool=callgrind --instr-atstart=no --callgrind-out-file=/tmp/callgrind.%p lua5.4 /usr/bin/prosody "$@"
