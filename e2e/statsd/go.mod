module github.com/wirespan/wirespan/e2e/statsd

go 1.26.0

replace github.com/wirespan/wirespan => ../../

require (
	github.com/DataDog/datadog-go/v5 v5.9.1
	github.com/wirespan/wirespan v0.0.0-00010101000000-000000000000
)

require (
	github.com/Microsoft/go-winio v0.5.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
