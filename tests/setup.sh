#!/bin/sh
# Installs those of the named Debian packages that are missing: sh tests/setup.sh cmake gcc ...
# Needs no rights when nothing is missing. Asks the package lists afresh only when something has to be installed.
# A server among them is here to be started by tests: it does not become a service of this machine.
set -eu
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin
export PATH

if ! command -v dpkg-query >/dev/null; then
	echo "This is no Debian or Ubuntu; what their packages hold has to be here already: $*"
	exit 0
fi

missing=
for package; do
	status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) || status=
	[ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

root=
if [ "$(id -u)" -ne 0 ]; then
	root=sudo
	if ! command -v sudo >/dev/null; then
		echo "To be installed by the administrator: apt-get install$missing" >&2
		exit 1
	fi
fi

# Says what apt-get has to say only when it fails.
apt() {
	if ! said=$($root env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" 2>&1 </dev/null); then
		printf '%s\n' "$said" >&2
		echo "apt-get $1 failed" >&2
		exit 1
	fi
}

echo "Installing with apt-get:$missing"
apt update

# What packages ask before they start something; an administrator's own answer stays.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap '$root rm -f $policy' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	printf '#!/bin/sh\nexit 101\n' | $root tee $policy >/dev/null
	$root chmod 755 $policy
fi
# shellcheck disable=SC2086 # one word each
apt install --no-install-recommends $missing
for package in $missing; do
	case $package in
	openssh-server) service=ssh ;;
	nginx | nginx-light) service=nginx ;;
	vsftpd) service=vsftpd ;;
	*) continue ;;
	esac
	$root systemctl --quiet disable "$service" 2>/dev/null || true
done
