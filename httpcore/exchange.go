package httpcore

import (
	"iter"
	"strings"
	"sync"
	"unsafe"

	"github.com/wirespan/wirespan/httpcore/internal/http1"
	"github.com/wirespan/wirespan/lifecycle"
)

// exchange is one request and its response, from the first byte of the head to the outcome. It belongs to
// the goroutine that serves the connection, and goes back to its pool when the outcome has been recorded.
type exchange struct {
	head    http1.Head
	headLen int // with the empty lines before it
	request lifecycle.Request
	fields  headFields

	requestID []byte // what request.RequestID is a view of

	phases lifecycle.Phases

	started   bool // RequestStarted was emitted
	owned     bool // the strings are no views of the connection's buffer
	isHead    bool // HEAD: a response without a body
	keepAlive bool // as far as the request goes
	hooked    bool // it has hooks of its own

	// The response.
	status       int
	responseHead []byte // as serialised; kept for the collectors
	headSent     bool   // responseHead is complete, and in conn.out or sent
	answered     bool   // some of the response was handed to the kernel
	unsent       int64  // body bytes in conn.out
	bytesSent    int64  // body bytes handed to the kernel
	received     int64  // body bytes of the request
	route        string
	streamOpened int64 // when StreamOpened was emitted; 0: not streaming

	// How it ended, when not well.
	failure refusal // code is empty when the server had nothing to object
	gone    error   // the client left

	events eventSet

	// What a SyncHandler is given.
	syncRequest  SyncRequest
	syncResponse SyncResponse
}

// eventSet is the storage of an exchange's events: they are lent to the collectors, one at a time.
type eventSet struct {
	started      lifecycle.RequestStarted
	streamOpened lifecycle.StreamOpened
	streamClosed lifecycle.StreamClosed
	completed    lifecycle.ResponseCompleted
	failed       lifecycle.RequestFailed
	disconnected lifecycle.ClientDisconnected
	response     headText
}

// persistent reports whether the client wants the connection to be used again (RFC 9112, 9.3).
func (x *exchange) persistent() bool {
	return !x.head.Close && (x.head.Minor == 1 || x.head.KeepAlive)
}

var exchanges = sync.Pool{New: func() any {
	x := new(exchange)
	x.head.Reset()
	x.fields.head = &x.head
	return x
}}

// maxPooledHead is the largest response head buffer that goes back to the pool.
const maxPooledHead = 8 << 10

func getExchange() *exchange { return exchanges.Get().(*exchange) }

// putExchange forgets everything but the buffers. Nobody may hold x, or an event of it, any longer.
func putExchange(x *exchange) {
	x.head.Reset()
	head, responseHead, syncFields, id := x.head, x.responseHead[:0], x.syncResponse.fields[:0], x.requestID[:0]
	if cap(responseHead)+cap(syncFields) > maxPooledHead {
		responseHead, syncFields = nil, nil
	}
	*x = exchange{head: head, responseHead: responseHead, syncResponse: SyncResponse{fields: syncFields}, requestID: id}
	x.fields.head = &x.head
	exchanges.Put(x)
}

// view makes the request's strings views of raw, which begins with the head.
// They are good for as long as raw is left alone.
func (x *exchange) view(raw []byte) {
	x.point(unsafe.String(unsafe.SliceData(raw), len(raw)))
}

// own makes the request's strings parts of one copy of the head, which is returned. buf[:r] ends with the head, at least
// the first time.
func (x *exchange) own(buf []byte, r int) string {
	if !x.owned {
		x.owned = true
		x.point(string(buf[r-x.headLen : r]))
	}
	return x.fields.text
}

func (x *exchange) point(text string) {
	h, q := &x.head, &x.request
	x.fields.text = text
	q.Method = knownMethod(slice(text, h.Method))
	q.Target = slice(text, h.Target)
	q.Host = slice(text, h.Authority)
	switch {
	case !h.HasVersion():
		q.HTTPVersion = ""
	case h.Minor == 0:
		q.HTTPVersion = "1.0"
	default:
		q.HTTPVersion = "1.1"
	}
	q.Fields = &x.fields
}

// slice returns the part of a head. One in which the head was refused has begun and not ended: it is empty.
func slice(text string, r http1.Range) string { return text[r.Start:max(r.Start, r.End)] }

// knownMethod returns the constant for a usual method, so that it does not keep the head alive.
func knownMethod(m string) string {
	switch m {
	case "GET":
		return "GET"
	case "POST":
		return "POST"
	case "HEAD":
		return "HEAD"
	case "PUT":
		return "PUT"
	}
	return m
}

// headFields are a request's fields: ranges of its head.
type headFields struct {
	text string
	head *http1.Head
}

// Get implements [lifecycle.Fields].
func (f *headFields) Get(name string) string {
	value, _ := f.Next(name, 0)
	return value
}

// Next implements [lifecycle.Fields].
func (f *headFields) Next(name string, at int) (value string, after int) {
	for i := at; i < len(f.head.Fields); i++ {
		field := &f.head.Fields[i]
		if int(field.Name.End-field.Name.Start) == len(name) && strings.EqualFold(slice(f.text, field.Name), name) {
			return slice(f.text, field.Value), i + 1
		}
	}
	return "", -1
}

// All implements [lifecycle.Fields].
func (f *headFields) All() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for _, field := range f.head.Fields {
			if !yield(slice(f.text, field.Name), slice(f.text, field.Value)) {
				return
			}
		}
	}
}

// Clone implements [lifecycle.Fields].
func (f *headFields) Clone() lifecycle.Fields {
	return &headFields{
		text: strings.Clone(f.text),
		head: &http1.Head{Fields: append([]http1.Field(nil), f.head.Fields...)},
	}
}

// headText are the fields of a response: the serialised head, searched when somebody asks.
type headText struct{ text string }

// Get implements [lifecycle.Fields].
func (f *headText) Get(name string) string {
	value, _ := f.Next(name, 0)
	return value
}

// Next implements [lifecycle.Fields]. A position is that of a line's end, or the beginning of the status line.
func (f *headText) Next(name string, at int) (value string, after int) {
	_, rest, _ := strings.Cut(f.text[at:], "\r\n")
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\r\n")
		if n, v, ok := strings.Cut(line, ": "); ok && strings.EqualFold(n, name) {
			return v, len(f.text) - len(rest) - len("\r\n")
		}
	}
	return "", -1
}

// All implements [lifecycle.Fields].
func (f *headText) All() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		_, rest, _ := strings.Cut(f.text, "\r\n")
		for rest != "" {
			var line string
			line, rest, _ = strings.Cut(rest, "\r\n")
			if name, value, ok := strings.Cut(line, ": "); ok && !yield(name, value) {
				return
			}
		}
	}
}

// Clone implements [lifecycle.Fields].
func (f *headText) Clone() lifecycle.Fields { return &headText{strings.Clone(f.text)} }
