#!/usr/bin/env bash
# fuzz.sh HOW_LONG: runs every fuzz target of the product, one after the other; HOW_LONG is as in go test -fuzztime.
set -euo pipefail
cd "$(dirname "$0")/.."

how_long=${1:?how long for each target, such as 10s or 100000x}
for package in $(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...); do
	for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		echo "fuzz $package $target"
		# What is new to a target is made smaller with as many calls, not for as long as a minute each.
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$how_long" -fuzzminimizetime 1000x "$package"
	done
done
