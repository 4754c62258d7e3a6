#!/usr/bin/env bash
# setup.sh COMMAND...: makes sure that the commands are there, from Debian's packages where they are missing.
set -euo pipefail

packages=()
for command in "$@"; do
	command -v "$command" >/dev/null && continue
	case $command in
	gcc) packages+=(gcc libc6-dev) ;; # the race detector needs cgo
	*) packages+=("$command") ;;
	esac
done
((${#packages[@]})) || exit 0

if ! command -v apt-get >/dev/null; then
	echo "please install ${packages[*]}: there is no apt-get here" >&2
	exit 1
fi
as_root=()
((EUID == 0)) || as_root=(sudo)
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${packages[@]}"
