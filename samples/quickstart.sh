#!/bin/sh
# From a fresh clone to a OneRoster bundle in one command: sh samples/quickstart.sh
#
# Installs what is missing (root or sudo, only then), builds the program, starts a school system that does not exist on
# this machine's loopback, and exports it to OneRoster.zip in the current folder. Nothing leaves this machine.
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)
zip=$PWD/OneRoster.zip
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

step() {
	printf '\n== %s\n' "$1"
}

step "What the program needs"
sh "$source/tests/setup.sh" gcc libc6-dev cmake make pkg-config \
	libcurl4-openssl-dev libyajl-dev libzip-dev zlib1g-dev libssl-dev libinih-dev python3 unzip

step "Build, in build/"
cmake -S "$source" -B "$source/build" -DROSTERZIP_TESTS=OFF >"$work/cmake" || { cat "$work/cmake"; exit 1; }
cmake --build "$source/build" --target rosterzip -j "$(nproc)" >"$work/make" || { cat "$work/make"; exit 1; }
PATH=$source/build:$PATH
rosterzip --version

# It ends when its standard input does, that is with this script, however that ends.
step "A sample school system: 3 schools, 60 users"
mkfifo "$work/input" "$work/output"
python3 "$source/tests/server/sis.py" serve --until-eof <"$work/input" >"$work/output" &
exec 8>"$work/input" 9<"$work/output"
read -r _ address <&9
echo "$address/aeries"

# What the administrator of a school system hands out: an address, an id, and a secret, which belongs into a file of
# one's own. Those of the sample are 1d1d... and 5e5e..., 64 digits each.
id=$(printf '1d%.0s' $(seq 32))
(umask 077 && printf '5e%.0s' $(seq 32) >"$work/secret")

step "rosterzip export --url $address/aeries --client-id 1d1d... --client-secret-file secret --output OneRoster.zip"
rosterzip export --url "$address/aeries" --client-id "$id" --client-secret-file "$work/secret" \
	--state-dir "$work/state" --output "$zip"

step "What is in it"
unzip -l "$zip"

step "The first lines of users.csv"
unzip -p "$zip" users.csv | head -n 4

step "Done"
echo "The bundle is $zip"
