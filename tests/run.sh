#!/bin/sh
# All tests in one command: sh tests/run.sh
#
# Installs what is missing (root or sudo, only then), builds with AddressSanitizer and UndefinedBehaviorSanitizer in
# build/test, and runs every test. With --all, or when CI is set, it also asks the second compiler, the linters,
# valgrind and a browser. The last line is the outcome: "N passed, N failed".
set -eu
cd "$(dirname "$0")/.."

all=no
[ "${1:-}" != --all ] && [ -z "${CI:-}" ] || all=yes
jobs=$(nproc)
passed=0
failed=0
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# check NAME COMMAND...: one test; its output is shown only when it fails. Gives whether it passed.
check() {
	name=$1
	shift
	if "$@" >"$log/check" 2>&1; then
		passed=$((passed + 1))
		echo "fine: $name"
		return 0
	fi
	failed=$((failed + 1))
	cat "$log/check"
	echo "FAILED: $name"
	return 1
}

# build FOLDER OPTION...: a build in which every warning is an error.
build() {
	folder=$1
	shift
	cmake -S . -B "$folder" -DROSTERZIP_WERROR=ON "$@" && cmake --build "$folder" -j "$jobs"
}

# suite FOLDER OPTION...: runs the tests of a build and adds what became of them.
suite() {
	folder=$1
	shift
	ctest --test-dir "$folder" --output-on-failure --no-tests=error --timeout 300 -j "$jobs" -O "$log/suite" "$@" || true
	skipped=$(grep -c 'Test .*\*\*\*Skipped' "$log/suite" || true)
	count=$(sed -n 's/.*tests passed, \([0-9]*\) tests failed out of \([0-9]*\)$/\1 \2/p' "$log/suite")
	if [ -z "$count" ]; then
		failed=$((failed + 1))
		echo "FAILED: the tests of $folder did not run to their end"
		return
	fi
	failed=$((failed + ${count% *}))
	passed=$((passed + ${count#* } - ${count% *} - skipped))
}

sources() {
	find src tests -name '*.[ch]'
}

sh tests/setup.sh gcc libc6-dev cmake make pkg-config \
	libcurl4-openssl-dev libyajl-dev libzip-dev zlib1g-dev libssl-dev libinih-dev \
	libcmocka-dev python3 openssl ca-certificates unzip p7zip-full sqlite3 locales tzdata procps strace mount \
	mandoc zsh systemd dpkg-dev file openssh-client \
	openssh-server nginx vsftpd
if [ $all = yes ]; then
	sh tests/setup.sh clang libclang-rt-dev clang-format clang-tidy cppcheck valgrind chromium
fi

if check "build, gcc, sanitizers" build build/test -DCMAKE_BUILD_TYPE=Debug -DROSTERZIP_SANITIZE=ON; then
	suite build/test
fi

if [ $all = yes ]; then
	if check "build, gcc, as it is installed" build build/plain -DCMAKE_BUILD_TYPE=RelWithDebInfo; then
		suite build/plain -R '^(valgrind|browser|faults|walks)$'
	fi
	if check "build, clang" build build/clang -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug; then
		suite build/clang -R '^unit\.'
	fi
	# shellcheck disable=SC2046 # one word each
	check "layout, clang-format" clang-format --dry-run -Werror $(sources) || true
	check "cppcheck" cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -j "$jobs" \
		--enable=warning,performance,portability -D_XOPEN_SOURCE=700 '-DROSTERZIP_VERSION=""' -I src src || true
	find src -name '*.c' | sort >"$log/files"
	# A third of the paths through a function that it would follow takes half the time
	check "clang-tidy" xargs -n 1 -P "$jobs" -a "$log/files" clang-tidy --quiet --extra-arg=-Xclang \
		--extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=max-nodes=75000 -p build/plain || true
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
