# shellcheck shell=sh disable=SC2034,SC2154 # of whoever sources it
# What run.sh and instructions.sh have in common; to be sourced, with $top and $program (empty: to be built) set.
# Sets $folder, $tools, $program and $python.
folder=$top/build/bench
tools=$folder/tools

sh "$top/tests/setup.sh" gcc libc6-dev pkg-config libcurl4-openssl-dev libyajl-dev libzip-dev zlib1g-dev python3 >&2
if [ -z "$program" ]; then
	sh "$top/tests/setup.sh" cmake make libssl-dev libinih-dev >&2
	cmake -S "$top" -B "$folder" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DROSTERZIP_TESTS=OFF >&2
	cmake --build "$folder" -j "$(nproc)" --target rosterzip >&2
	program=$folder/rosterzip
fi

# With the flags of the project's own RelWithDebInfo.
mkdir -p "$tools"
for tool in measure yajl_floor; do
	# shellcheck disable=SC2046 # one word each
	cc -std=c17 -O2 -g -DNDEBUG -D_XOPEN_SOURCE=700 -D_FORTIFY_SOURCE=2 -fstack-protector-strong -Wall -Wextra \
		-o "$tools/$tool" "$top/tests/bench/$tool.c" $(pkg-config --cflags --libs yajl)
done

# The distribution's, unless there is none: its version can be named.
python=/usr/bin/python3
[ -x $python ] || python=python3
