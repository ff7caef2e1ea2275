#!/bin/sh
# The service stays locked down: systemd's own measure of it is 1.5 or less.
#
# usage: check-exposure.sh UNIT-TEMPLATE
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sed 's|@SBINDIR@|/usr/sbin|' "$1" > "$folder/bulkwatchd.service"
LC_ALL=C systemd-analyze security --offline=true --no-pager --threshold=15 \
    "$folder/bulkwatchd.service" > "$folder/out" 2>&1 || {
    cat "$folder/out"
    echo "the exposure of bulkwatchd.service is above 1.5" >&2
    exit 1
}
sed -n 's/.*\(Overall exposure level.*: [0-9.]*\).*/\1 (1.5 or less is wanted)/p' "$folder/out"
