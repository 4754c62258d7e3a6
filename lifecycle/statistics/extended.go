package statistics

import (
	"encoding/json"
	"fmt"
	"sync"
)

// extension is what more than a State is saved.
type extension interface {
	// extend adds the fields of the extension to an object.
	extend(object []byte) ([]byte, error)
	// restore takes them from one.
	restore(object []byte) error
	reset()
}

// Extended is a [Statistics] whose state has the fields of a T besides: they are loaded, saved and reset with the others,
// in the same JSON object. T is a struct that encoding/json can write and read. [NewExtended] makes one.
type Extended[T any] struct {
	*Statistics

	initial []byte // what a reset goes back to
	mu      sync.Mutex
	value   T
}

// NewExtended returns a Statistics with initial as what is more. It returns an error when T does not become a JSON object,
// or one with a field that the state has too.
func NewExtended[T any](o Options, initial T) (*Extended[T], error) {
	text, err := json.Marshal(initial)
	if err != nil {
		return nil, fmt.Errorf("statistics: extend the state: %w", err)
	}
	var fields, own map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil || fields == nil {
		return nil, fmt.Errorf("statistics: extend the state: %T is no JSON object", initial)
	}
	e := &Extended[T]{Statistics: New(o), initial: text}
	state, err := json.Marshal(e.State())
	if err == nil {
		err = json.Unmarshal(state, &own)
	}
	if err != nil {
		return nil, fmt.Errorf("statistics: extend the state: %w", err)
	}
	for name := range fields {
		if own[name] != nil || aliases[name] != "" {
			return nil, fmt.Errorf("statistics: extend the state: it has a field %s itself", name)
		}
	}
	e.reset()
	e.extra = e
	return e, nil
}

// Update calls f with what is more, which f may change, and not keep. Any goroutine may call it; f runs alone, and
// calls no method of e.
func (e *Extended[T]) Update(f func(*T)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f(&e.value)
}

// Value returns a copy of what is more; maps and slices in it are shared.
func (e *Extended[T]) Value() T {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.value
}

func (e *Extended[T]) extend(object []byte) ([]byte, error) {
	var fields, own map[string]json.RawMessage
	e.mu.Lock()
	text, err := json.Marshal(e.value)
	e.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(object, &own); err != nil {
		return nil, err
	}
	for name, field := range own {
		fields[name] = field
	}
	return json.Marshal(fields)
}

func (e *Extended[T]) restore(object []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return json.Unmarshal(object, &e.value)
}

func (e *Extended[T]) reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	var value T
	_ = json.Unmarshal(e.initial, &value) // it was made of one
	e.value = value
}
