#!/bin/sh
# The shape of the code, checked:
#  - includes go downward only: base <- settings mail json <- policy store
#    notify mta <- daemon reconcile <- ctl;
#  - policy, store, notify and mta do not know each other, nor do the programs;
#  - a third-party header is seen in one folder only;
#  - no two object files (the words; none: not checked) define one name: of two
#    in an archive the linker takes the first and says nothing.
set -eu
cd "$(dirname "$0")/../.."
faults=$(mktemp)
trap 'rm -f "$faults"' EXIT

# Which layer a header of include/bulkwatch belongs to.
layer_of() {
    case $1 in
    able | err | log | arena | clock | text | record | trust | version) echo base ;;
    settings | pattern | template) echo settings ;;
    address | header | compose | ascii) echo mail ;;
    json) echo json ;;
    policy) echo policy ;;
    store) echo store ;;
    own | smtp | notifier) echo notify ;;
    mta | queue | caller) echo mta ;;
    reconcile) echo reconcile ;;
    current | listen | loop | outbox | recorder | session | spool | upkeep | watch) echo daemon ;;
    *) echo unknown ;;
    esac
}

# What a folder may include beside its own. The settings' struct is passed to
# all above; address.h is text only and serves the store and policy too.
allowed() {
    case $1 in
    base) echo base ;;
    settings) echo base settings ;;
    mail) echo base mail settings ;;
    json) echo base json ;;
    policy) echo base settings mail policy ;;
    store) echo base settings mail store ;;
    notify) echo base settings mail notify ;;
    mta) echo base settings json mta ;;
    daemon) echo base settings mail json policy store notify daemon ;;
    reconcile) echo base settings mail json policy store reconcile ;;
    ctl) echo base settings mail json policy store notify mta reconcile ctl ;;
    esac
}

for folder in base settings mail json policy store notify mta daemon reconcile ctl; do
    may=" $(allowed $folder) "
    grep -Hn '^#include "bulkwatch/' milter/$folder/*.[ch] |
    while IFS= read -r line; do
        header=${line##*bulkwatch/}
        header=${header%.h*}
        layer=$(layer_of "$header")
        case $may in
        *" $layer "*) ;;
        *) echo "${line%%:#*}: $folder must not include $header.h ($layer)" >> "$faults" ;;
        esac
    done
done

# header pattern, the one folder (two ends of one protocol: daemon|mta)
while read -r pattern folder; do
    grep -Hn "^#include <$pattern" -r milter include |
        grep -Ev "^milter/($folder)/" |
        sed "s,\$, (belongs into milter/$folder only)," >> "$faults" || true
done <<LIST
libconfig settings
gmime mail
glib mail
jansson json
sqlite3 store
sodium store
curl/ notify
libmilter/ daemon|mta
systemd/ daemon
zlib reconcile
LIST

# A line of nm is "FILE:VALUE TYPE NAME"; weak names (W, V) may be there twice.
if [ $# -gt 0 ]; then
    names=$(nm -o --defined-only --extern-only "$@")
    echo "$names" | awk '
        $2 !~ /^[WV]$/ {
            file = $1
            sub(/:[^:]*$/, "", file)
            if ($3 in first)
                print first[$3] ", " file ": both define " $3
            else
                first[$3] = file
        }' >> "$faults"
fi

if [ -s "$faults" ]; then
    cat "$faults"
    exit 1
fi
echo "layers: includes go downward only, each library is seen in one folder"
[ $# -eq 0 ] || echo "names: no two of $# object files define the same"
