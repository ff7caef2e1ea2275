#!/bin/sh
# Fuzzes one harness for some seconds.
#
# usage: fuzz.sh FOLDER NAME SECONDS
#
# FOLDER holds the harnesses built with clang. New inputs that reach new code are kept in
# FOLDER/corpus/NAME for the next run; an input that breaks something goes into FOLDER/found.
set -u
folder=$1 name=$2 seconds=$3
here=$(dirname "$0")
mkdir -p "$folder/corpus/$name" "$folder/found"
log=$folder/$name.log

set -- "$folder/corpus/$name" "$here/corpus/$name"
case $name in
settings) set -- "$@" "$here/../../conf" ;;
template) set -- "$@" "$here/../../conf/templates" ;;
esac
[ ! -f "$here/$name.dict" ] || set -- "-dict=$here/$name.dict" "$@"

# A slow input is a fault too: nothing that a sender writes may take 5 s.
if LSAN_OPTIONS="suppressions=$here/../lib/lsan.supp:print_suppressions=0" \
    UBSAN_OPTIONS=print_stacktrace=1 \
    "$folder/$name" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 \
    -artifact_prefix="$folder/found/$name-" -print_final_stats=1 \
    "$@" >"$log" 2>&1 </dev/null; then
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    covered=$(sed -n 's/.* cov: \([0-9]*\) ft: .*/\1/p' "$log" | tail -n 1)
    printf '  FUZZ %-10s %9s inputs in %s s, %s edges: no fault\n' \
        "$name" "$executed" "$seconds" "$covered"
    exit 0
fi
# The report first, without the statistics around it.
grep -v -e '^#[0-9]' -e '^stat::' -e '^INFO:' -e '^Dictionary:' -e 'NEW_FUNC' -e ' bulkwatchd\[' \
    "$log" | tail -n 60
found=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
if [ -n "$found" ]; then
    echo "fuzz: $name has found a fault; the input is $found, and \`$folder/$name $found\` shows" \
        "the fault again"
else
    echo "fuzz: $name has failed; all it said is in $log"
fi
exit 1
