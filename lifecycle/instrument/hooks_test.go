package instrument_test

import (
	"bytes"
	"context"
	"log"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// fill sets every function of h to one that calls f with its name: reflection is for the test, that it forgets none.
func fill(f func(name string)) *instrument.Hooks {
	h := new(instrument.Hooks)
	v := reflect.ValueOf(h).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		v.Field(i).Set(reflect.MakeFunc(v.Field(i).Type(), func([]reflect.Value) []reflect.Value {
			f(name)
			return nil
		}))
	}
	return h
}

// letters has every function of its hooks add a letter.
func letters(to *strings.Builder, letter string) *instrument.Hooks {
	return fill(func(string) { to.WriteString(letter) })
}

// each calls f with a function that calls one of the functions of h, for all of them.
func each(t *testing.T, h *instrument.Hooks, f func(name string, call func())) {
	t.Helper()
	v := reflect.ValueOf(h).Elem()
	if v.NumField() != 22 {
		t.Errorf("there are %d hooks", v.NumField())
	}
	for i := range v.NumField() {
		hook := v.Field(i)
		if hook.IsNil() {
			t.Errorf("%s is missing", v.Type().Field(i).Name)
			continue
		}
		f(v.Type().Field(i).Name, func() { hook.Call([]reflect.Value{reflect.Zero(hook.Type().In(0))}) })
	}
}

// wantLetters calls every hook, and compares what each has written.
func wantLetters(t *testing.T, h *instrument.Hooks, written *strings.Builder, want string) {
	t.Helper()
	each(t, h, func(name string, call func()) {
		written.Reset()
		call()
		if written.String() != want {
			t.Errorf("%s wrote %q, want %q", name, written, want)
		}
	})
}

func TestInnerBeforeOuter(t *testing.T) {
	var written strings.Builder
	a, b, c := letters(&written, "a"), letters(&written, "b"), letters(&written, "c")
	wantLetters(t, instrument.Compose(a, b), &written, "ab")
	wantLetters(t, instrument.Compose(a, instrument.Compose(b, c)), &written, "abc")
	wantLetters(t, instrument.Compose(instrument.Compose(a, b), c), &written, "abc")
	wantLetters(t, a, &written, "a") // they are as they were
	wantLetters(t, b, &written, "b")
}

func TestContextNests(t *testing.T) {
	var written strings.Builder
	ctx := t.Context()
	if instrument.FromContext(ctx) != nil || instrument.With(ctx, nil) != ctx {
		t.Error("a context has hooks that nobody has given it")
	}
	outer := instrument.With(ctx, letters(&written, "o"))
	middle := instrument.With(outer, letters(&written, "m"))
	inner := instrument.With(middle, letters(&written, "i"))
	wantLetters(t, instrument.FromContext(inner), &written, "imo")
	wantLetters(t, instrument.FromContext(middle), &written, "mo")
	wantLetters(t, instrument.FromContext(outer), &written, "o")
	wantLetters(t, instrument.FromContext(instrument.NewContext(inner, letters(&written, "n"))), &written, "n")
}

// httptrace.WithClientTrace calls itself for ever when it is given the same trace twice.
func TestSameHooksTwice(t *testing.T) {
	var written strings.Builder
	a := letters(&written, "a")
	wantLetters(t, instrument.Compose(a, a), &written, "aa")
	wantLetters(t, instrument.FromContext(instrument.With(instrument.With(t.Context(), a), a)), &written, "aa")
}

func TestComposeWithNothing(t *testing.T) {
	var calls int
	inner := &instrument.Hooks{Close: func(instrument.CloseInfo) { calls++ }}
	outer := &instrument.Hooks{RecvStart: func(instrument.IOStart) { calls += 10 }}
	if instrument.Compose(nil, nil) != nil || instrument.Compose(inner, nil) != inner || instrument.Compose(nil, outer) != outer {
		t.Error("nil is something")
	}
	h := instrument.Compose(inner, outer)
	h.Close(instrument.CloseInfo{})
	h.RecvStart(instrument.IOStart{})
	if calls != 11 || h.RecvReady != nil {
		t.Errorf("%d, and RecvReady is nil: %v", calls, h.RecvReady == nil)
	}
	if h := instrument.Guard(inner, nil); h.RecvStart != nil || h.Close == nil {
		t.Error("a guard makes hooks of nothing")
	}
	if instrument.Guard(nil, nil) != nil {
		t.Error("a guard of nothing is something")
	}
}

func TestPanicsAreLoggedOnce(t *testing.T) {
	var written strings.Builder
	var logged bytes.Buffer
	h := instrument.Guard(fill(func(name string) { panic("bad " + name) }), log.New(&logged, "", 0))
	h = instrument.Compose(h, letters(&written, "o"))
	each(t, h, func(name string, call func()) {
		logged.Reset()
		written.Reset()
		call()
		call()
		if n := strings.Count(logged.String(), "the hook "+name+" panics, which is told once: bad "+name); n != 1 {
			t.Errorf("%s was logged %d times:\n%s", name, n, &logged)
		}
		if written.String() != "oo" {
			t.Errorf("%s has kept the others from being called: %q", name, &written)
		}
	})
	if !strings.Contains(logged.String(), "hooks_test.go") {
		t.Errorf("no stack of the hook:\n%s", &logged)
	}
}

func TestWithCatchesPanics(t *testing.T) {
	ctx := instrument.With(t.Context(), fill(func(string) { panic("bad") }))
	var caught sync.WaitGroup
	each(t, instrument.FromContext(ctx), func(_ string, call func()) { caught.Go(call) })
	caught.Wait()
}

// request is a context of a request, as a server has it.
type request struct {
	context.Context
	entered *instrument.Hooks
}

func (r *request) Value(key any) any {
	if key == (instrument.ScopeKey{}) {
		return r
	}
	return r.Context.Value(key)
}

func (r *request) Enter(h *instrument.Hooks) *instrument.Hooks {
	r.entered = instrument.Compose(h, r.entered)
	return h
}

func TestWithEntersTheRequest(t *testing.T) {
	var written strings.Builder
	server := letters(&written, "s")
	r := &request{Context: instrument.NewContext(t.Context(), server), entered: server}
	first := instrument.With(r, letters(&written, "1"))
	second := instrument.With(first, letters(&written, "2"))
	wantLetters(t, r.entered, &written, "21s")
	wantLetters(t, instrument.FromContext(second), &written, "21s")
	wantLetters(t, instrument.FromContext(first), &written, "1s")
	wantLetters(t, instrument.FromContext(r), &written, "s")
}

func TestComposedOnce(t *testing.T) {
	var calls int
	h := &instrument.Hooks{RecvData: func(instrument.RecvData) { calls++ }}
	h = instrument.Compose(instrument.Guard(h, nil), instrument.Compose(instrument.Guard(h, nil), instrument.Guard(h, nil)))
	data := make([]byte, 10)
	if n := testing.AllocsPerRun(100, func() { h.RecvData(instrument.RecvData{Data: data}) }); n != 0 {
		t.Errorf("a call takes %v allocations", n)
	}
	if calls != 303 {
		t.Errorf("%d calls", calls)
	}
}
