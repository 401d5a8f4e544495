#!/bin/sh
# The benchmark in one command: sh tests/bench/run.sh [--quick] [--only LIST] [PROGRAM]
#
# Installs what is missing (root or sudo, only then; a nginx that the package starts on its own is not used), builds
# rosterzip in build/bench unless a PROGRAM is given, makes the yardstick district (once: some minutes, and 3 GB in
# build/bench/data), serves it by a nginx of its own on loopback, and measures the program beside the floor and beside
# other tools, interleaved, in 5 rounds. The tables are Markdown on standard output, the raw numbers are in
# build/bench/results.json; what it is doing goes to standard error. --quick is one round, to see that everything works.
# --only main,latency runs those parts; there are: main https ten small whole bundles validate diff latency busy.
# On a machine that does something else meanwhile the numbers mean nothing.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)

rounds=5
only=
program=
while [ $# -gt 0 ]; do
	case $1 in
	--quick) rounds=1 ;;
	--only)
		[ $# -ge 2 ] || { echo "--only needs a list" >&2 && exit 2; }
		only=$2
		shift
		;;
	-*)
		echo "sh tests/bench/run.sh [--quick] [--only LIST] [PROGRAM]" >&2
		exit 2
		;;
	*) program=$1 ;;
	esac
	shift
done

sh "$top/tests/setup.sh" nginx-light curl gzip openssl >&2
# shellcheck source=tests/bench/prepare.sh
. "$top/tests/bench/prepare.sh"
exec $python "$top/tests/bench/bench.py" --program "$program" --tools "$tools" --folder "$folder" --rounds $rounds \
	${only:+--only "$only"}
