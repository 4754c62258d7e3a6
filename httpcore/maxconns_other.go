//go:build !unix

package httpcore

// defaultMaxConnections is none: the system does not limit descriptors.
func defaultMaxConnections() int { return 0 }
