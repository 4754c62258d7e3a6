package accesslog

import (
	"context"
	"strings"
	"sync"
)

// vars is what the handler of one request has set.
type vars struct {
	request int // its Index on the connection

	mu     sync.Mutex
	values []variableValue
}

type variableValue struct{ name, value string }

type varsKey struct{}

// Set gives the atom %({name}e)s a value in the line of the request whose handler was given ctx. Names match
// case-insensitively, and the last value counts. Without a [Log] whose format has such an atom it does nothing. It may be
// called from any goroutine until the handler returns.
func Set(ctx context.Context, name, value string) {
	v, ok := ctx.Value(varsKey{}).(*vars)
	if !ok {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range v.values {
		if strings.EqualFold(v.values[i].name, name) {
			v.values[i].value = value
			return
		}
	}
	v.values = append(v.values, variableValue{name, value})
}

// get may be called on nil.
func (v *vars) get(name string) (string, bool) {
	if v == nil {
		return "", false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, set := range v.values {
		if strings.EqualFold(set.name, name) {
			return set.value, true
		}
	}
	return "", false
}

// variable is what the handler has set under this name, or else what the options say.
func variable(name string, env map[string]string) value {
	var fallback string
	var allowed bool
	for n, v := range env {
		if strings.EqualFold(n, name) {
			fallback, allowed = v, true
		}
	}
	return value{vars: true, append: func(dst []byte, r *Record) ([]byte, bool) {
		if v, ok := r.vars.get(name); ok {
			return append(dst, v...), true
		}
		return append(dst, fallback...), allowed
	}}
}
