#!/usr/bin/env bash
# fuzz.sh DURATION: runs every fuzz target of the product for so long, one after the other.
set -euo pipefail
cd "$(dirname "$0")/.."

duration=${1:?how long for each target, such as 10s}
for package in $(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...); do
	for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		echo "fuzz $package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$duration" "$package"
	done
done
