#!/bin/sh
# Installs the Debian packages that the build and the tests need.
#
# usage: install-deps.sh [PACKAGE...]        (without names: the list below)
#
# Says nothing and changes nothing when all are there. Postfix is special: its package would
# replace a mail system that is already on the machine, so with another one installed this stops
# before anything is changed. Postfix installed by us has no configuration and is not started:
# the tests run private copies from directories of their own.
set -eu

DEFAULT_PACKAGES="gcc make pkg-config libmilter-dev libsqlite3-dev libconfig-dev libgmime-3.0-dev
libcurl4-openssl-dev libjansson-dev libsystemd-dev libsodium-dev zlib1g-dev libcmocka-dev python3
python3-pytest python3-pytest-xdist postfix sasl2-bin libsasl2-modules libsasl2-modules-db mandoc sqlite3 faketime
strace"

say() { printf 'deps: %s\n' "$*"; }
die() { printf 'deps: %s\n' "$*" >&2; exit 1; }

installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Prints the installed package that is this machine's mail system, if there is one.
mail_system() {
    dpkg-query -W -f='${db:Status-Status}\t${Package}\t${Provides}\n' 2>/dev/null |
        awk -F '\t' '$1 == "installed" && $3 ~ /(^|[ ,])mail-transport-agent([ ,(]|$)/ { print $2; exit }'
}

# Leaves in $missing what has to be installed.
find_missing() {
    missing=
    for package in "$@"; do
        installed "$package" && continue
        if [ "$package" = postfix ]; then
            # A Postfix that did not come from the package serves as well.
            [ -x /usr/sbin/postfix ] && continue
            other=$(mail_system)
            [ -z "$other" ] ||
                die "the mail system \"$other\" is installed, and Postfix's package would replace it." \
                    "The tests need Postfix: run them on another machine or in a container. Nothing was changed."
            [ ! -e /usr/sbin/sendmail ] ||
                die "/usr/sbin/sendmail belongs to a mail system that no package knows of, and Postfix's" \
                    "package would overwrite it. Nothing was changed."
        fi
        missing="$missing $package"
    done
}

# Packages start their services unless policy-rc.d forbids it. The machine's own file is put back.
POLICY=/usr/sbin/policy-rc.d
SAVED=/usr/sbin/policy-rc.d.bulkwatch-saved

forbid_service_starts() {
    trap 'restore_policy' EXIT
    trap 'exit 130' INT TERM HUP
    # A saved file from a run that was cut short is the machine's own: keep that one.
    if [ -e "$POLICY" ] && [ ! -e "$SAVED" ]; then
        $SUDO cp -p "$POLICY" "$SAVED"
    fi
    printf '#!/bin/sh\nexit 101\n' | $SUDO tee "$POLICY" >/dev/null
    $SUDO chmod 755 "$POLICY"
}

restore_policy() {
    if [ -e "$SAVED" ]; then
        $SUDO mv -f "$SAVED" "$POLICY"
    else
        $SUDO rm -f "$POLICY"
    fi
}

apt() {
    $SUDO env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"
}

# The rehearsal fails when a package is unknown: then the lists are old or were never fetched.
rehearse() {
    apt install --no-install-recommends --simulate $missing 2>/dev/null
}

# What the packages say while they are set up is of interest only when it fails.
install_packages() {
    apt install --no-install-recommends $missing >"$log" 2>&1
}

{ command -v dpkg-query && command -v apt-get; } >/dev/null ||
    die "this is not Debian or a system like it; install by hand: ${*:-$DEFAULT_PACKAGES}"

[ $# -gt 0 ] || set -- $DEFAULT_PACKAGES
find_missing "$@"
[ -n "$missing" ] || exit 0

SUDO=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "need root, or sudo, to install:$missing"
    SUDO=sudo
fi

if ! plan=$(rehearse); then
    say "fetching the package lists"
    apt update >/dev/null || die "could not fetch the package lists (apt-get update)"
    plan=$(rehearse) || die "cannot be installed on this machine:$missing"
fi
removals=$(printf '%s\n' "$plan" | awk '$1 == "Remv" { print $2 }')
[ -z "$removals" ] ||
    die "installing$missing would remove:" $removals". Nothing was changed."

say "installing$missing"
case " $missing " in
*" postfix "*)
    printf 'postfix postfix/main_mailer_type select No configuration\n' | $SUDO debconf-set-selections
    ;;
esac
forbid_service_starts
log=$(mktemp)
# Stale lists name versions that the server no longer has: fetch the lists and try once more.
if ! install_packages; then
    apt update >/dev/null || die "could not fetch the package lists (apt-get update)"
    install_packages || {
        tail -n 20 "$log" >&2
        die "apt-get could not install:$missing (all it said is in $log)"
    }
fi
rm -f "$log"
