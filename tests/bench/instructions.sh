#!/bin/sh
# How many instructions an export takes for each byte of JSON, and for what: sh tests/bench/instructions.sh [PROGRAM]
#
# Installs what is missing (root or sudo, only then), builds rosterzip in build/bench unless a PROGRAM is given (with
# debug information), and exports a small district from kept pages under valgrind's callgrind. The numbers do not depend
# on what else the machine does. The table is Markdown on standard output; numbers and profiles are in
# build/bench/instructions. What each function costs with all it calls:
#
#	callgrind_annotate --inclusive=yes build/bench/instructions/export.callgrind
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)

case ${1:-} in
-*)
	echo "sh tests/bench/instructions.sh [PROGRAM]" >&2
	exit 2
	;;
esac
program=${1:-}
sh "$top/tests/setup.sh" valgrind >&2
# shellcheck source=tests/bench/prepare.sh
. "$top/tests/bench/prepare.sh"
exec $python "$top/tests/bench/instructions.py" --program "$program" --tools "$tools" --folder "$folder/instructions"
