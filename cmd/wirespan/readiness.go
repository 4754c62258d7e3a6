package main

import "sync/atomic"

// readiness is whether new requests are welcome. Any goroutine may use it.
type readiness struct {
	reason  atomic.Pointer[string]
	details atomic.Pointer[func() []string]
}

// notReady says why new requests are not welcome, in words for the operator.
func (r *readiness) notReady(reason string) { r.reason.Store(&reason) }

// ready says that they are.
func (r *readiness) ready() { r.reason.Store(nil) }

// why returns the reason, and "" when new requests are welcome.
func (r *readiness) why() string {
	if s := r.reason.Load(); s != nil {
		return *s
	}
	return ""
}

// describe has tell asked for lines on what else there is to know, none of which makes requests less welcome.
func (r *readiness) describe(tell func() []string) { r.details.Store(&tell) }

// more returns those lines.
func (r *readiness) more() []string {
	if tell := r.details.Load(); tell != nil {
		return (*tell)()
	}
	return nil
}
