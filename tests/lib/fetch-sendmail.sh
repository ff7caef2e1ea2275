#!/bin/sh
# Unpacks Debian's Sendmail into a folder, for the tests' private one.
#
# usage: fetch-sendmail.sh FOLDER
#
# Its packages replace whatever mail system the machine has, so they are not installed: they are
# downloaded, checked by apt and unpacked, and so is what they need that the machine may lack.
# Says nothing and changes nothing when all is there.
set -eu

PACKAGES="sendmail-bin sendmail-base sendmail-cf libwrap0 m4"

say() { printf 'sendmail: %s\n' "$*"; }
die() { printf 'sendmail: %s\n' "$*" >&2; exit 1; }

[ $# -eq 1 ] || die "usage: fetch-sendmail.sh FOLDER"
[ ! -e "$1/unpacked" ] || exit 0
command -v apt-get >/dev/null ||
    die "this is not Debian or a system like it: its Sendmail cannot be fetched for the tests"

mkdir -p "$1"
folder=$(cd "$1" && pwd)
log=$folder/log

# What a run that was cut short has left is begun again.
rm -rf "$folder/packages" "$folder/root"
mkdir "$folder/packages" "$folder/root"
cd "$folder/packages"

# As the sandbox's user apt could not write here, which it says at length.
download() { apt-get -qq -o APT::Sandbox::User=root download $PACKAGES >"$log" 2>&1; }

say "downloading $PACKAGES"
if ! download; then
    # Stale lists name versions that the server no longer has.
    SUDO=
    [ "$(id -u)" -eq 0 ] || SUDO=sudo
    $SUDO apt-get -qq -o DPkg::Lock::Timeout=300 update >/dev/null ||
        die "could not fetch the package lists (apt-get update)"
    download || {
        cat "$log" >&2
        die "could not download $PACKAGES"
    }
fi
for package in *.deb; do
    dpkg-deb -x "$package" "$folder/root"
done
# With rights of its own it would take no library from an unusual place.
chmod g-s "$folder/root/usr/libexec/sendmail/sendmail"
# Settings for a machine's own mail system; a test writes its own.
rm -rf "$folder/root/etc" "$folder/root/var"
: > "$folder/unpacked"
