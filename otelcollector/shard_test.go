package otelcollector_test

import (
	"testing"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// meddling is a header that does something when it is asked for the user agent: while the span is encoded.
type meddling struct {
	lifecycletest.Fields
	meddle func()
}

// Get implements [lifecycle.Fields].
func (m meddling) Get(name string) string {
	if name == "User-Agent" && m.meddle != nil {
		m.meddle()
	}
	return m.Fields.Get(name)
}

// While one request's span is encoded in the batch of its worker, another's is encoded aside, to the same effect.
func TestTwoRequestsOfOneWorker(t *testing.T) {
	s := &sink{}
	c := newCollector(t, quiet(t, s))
	encode := func(agent string, meddle func()) {
		x := dial(t, c).start("GET", "/?q=1")
		x.request.Fields = meddling{lifecycletest.Fields{{"User-Agent", agent}}, meddle}
		x.complete(200, route("/"))
	}
	beside, done := make(chan struct{}), make(chan struct{})
	encode("direct", func() {
		go func() {
			defer close(done)
			encode("aside", func() { close(beside) })
		}()
		<-beside // it is encoded although this one has the lock
	})
	<-done

	spans := received(t, c, s)
	if len(spans) != 2 {
		t.Fatalf("%d spans, want 2", len(spans))
	}
	direct, aside := attrs(t, spans[0].Attributes), attrs(t, spans[1].Attributes)
	if direct["user_agent.original"] != "direct" || aside["user_agent.original"] != "aside" {
		t.Errorf("the spans came in another order: %v, %v", direct, aside)
	}
	for k := range direct {
		if _, ok := aside[k]; !ok {
			t.Errorf("attribute %s is missing", k)
		}
	}
	if len(direct) != len(aside) || spans[0].Name != spans[1].Name || len(spans[0].Links) != len(spans[1].Links) {
		t.Errorf("the spans differ:\n%v\n%v", spans[0], spans[1])
	}
}

var _ lifecycle.Fields = meddling{}
