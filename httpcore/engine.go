package httpcore

import "fmt"

// Engine says how connections wait for bytes.
type Engine int

// The engines. All serve the same requests with the same events.
const (
	// EngineAuto, the zero value, takes the best engine that the system and the listener allow.
	EngineAuto Engine = iota
	// EngineEpoll polls many connections from each worker (Linux, without TLS).
	EngineEpoll
	// EngineGoroutine gives each connection a goroutine that blocks in its reads.
	EngineGoroutine
)

var engineNames = [...]string{EngineAuto: "auto", EngineEpoll: "epoll", EngineGoroutine: "goroutine"}

// String returns the name that [ParseEngine] takes.
func (e Engine) String() string {
	if e < 0 || int(e) >= len(engineNames) {
		return fmt.Sprintf("Engine(%d)", int(e))
	}
	return engineNames[e]
}

// ParseEngine returns the engine with this name: auto, epoll or goroutine.
func ParseEngine(name string) (Engine, error) {
	for e, n := range engineNames {
		if n == name {
			return Engine(e), nil
		}
	}
	return 0, fmt.Errorf("engine %q is not known: allowed are auto, epoll and goroutine", name)
}
