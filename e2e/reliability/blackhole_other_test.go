//go:build !linux

package reliability_test

import "testing"

// envInside is set in the process that has network namespaces of its own.
const envInside = "WIRESPAN_TEST_INSIDE"

func TestF36BlackHole(t *testing.T) { t.Skip("there are network namespaces on Linux only") }
