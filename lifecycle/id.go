package lifecycle

import "sync/atomic"

var lastConnectionID atomic.Uint64

// NextConnectionID returns an id that this process has not used before; ids rise from 1.
// Across processes an id is unique together with the resource attribute service.instance.id.
// Any goroutine may call it.
func NextConnectionID() uint64 { return lastConnectionID.Add(1) }
