# make run    serves the demo on http://127.0.0.1:8080; ctrl-C ends it
# make test   runs all tests of the product with the race detector
# Go is all that has to be there; what else a target needs, scripts/setup.sh installs from Debian's packages.

# e2e/jaeger only pins the module that Jaeger is built from.
MODULES  = . bench e2e e2e/statsd e2e/reliability
LINT     = go tool -modfile=$(CURDIR)/tools/go.mod golangci-lint
FUZZTIME = 100000x

.PHONY: run test costs checks lint fmt tidy bench e2e fuzz ci

run:
	go run ./cmd/wirespan demo

# The tests that need a redis-server or strace say so when they are skipped because there is none to be had.
test:
	scripts/setup.sh gcc curl
	-scripts/setup.sh redis-server
	-scripts/setup.sh strace
	CGO_ENABLED=1 go test -race -timeout 10m ./...

# Without the race detector, which takes allocations and memory of its own: under it the tests that count them are skipped.
costs:
	go test -short -timeout 10m ./...

# The server watches itself: see httpcore/checks_on.go.
checks:
	CGO_ENABLED=1 go test -race -short -tags checks ./httpcore

lint:
	@unformatted=$$(gofmt -l .) && [ -z "$$unformatted" ] || { echo "make fmt would change: $$unformatted"; exit 1; }
	@set -e; for m in $(MODULES); do echo "lint $$m"; (cd $$m && go mod tidy -diff && go vet ./... && $(LINT) run ./...); done

fmt:
	@set -e; for m in $(MODULES); do (cd $$m && $(LINT) fmt ./...); done

tidy:
	@set -e; for m in $(MODULES) tools; do (cd $$m && go mod tidy); done

# All tables, printed and written to bench/RESULTS.md. ARGS="-scenario hello -rounds 1" is shorter, and only printed.
bench:
	scripts/setup.sh wrk
	cd bench && go run . $(ARGS)

e2e:
	scripts/setup.sh curl
	cd e2e && go test -count=1 -timeout 20m ./...
	cd e2e/statsd && go test -count=1 ./...
	cd e2e/reliability && go test -count=1 ./...

# FUZZTIME may be a duration, such as 10m, too. By default it is a count: when go test runs out of time in the middle of an
# input on a busy machine, it calls that a failure.
fuzz:
	scripts/fuzz.sh $(FUZZTIME)

ci:
	.ci/run
