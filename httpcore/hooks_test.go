package httpcore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/instrument"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// told is a call of a hook.
type told struct {
	name string
	info any
}

// hookLog keeps what hooks are told.
type hookLog struct {
	mu    sync.Mutex
	calls []told
}

// hooks returns hooks that keep what they are told: all of them.
func (l *hookLog) hooks() *instrument.Hooks {
	h := new(instrument.Hooks)
	v := reflect.ValueOf(h).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		v.Field(i).Set(reflect.MakeFunc(v.Field(i).Type(), func(in []reflect.Value) []reflect.Value {
			l.keep(name, in[0].Interface())
			return nil
		}))
	}
	return h
}

func (l *hookLog) keep(name string, info any) {
	switch i := info.(type) { // it is lent
	case instrument.RecvData:
		i.Data = bytes.Clone(i.Data)
		info = i
	case instrument.SendData:
		i.Data = [][]byte{bytes.Join(i.Data, nil)}
		info = i
	case instrument.TaskEvent:
		i.Method, i.Target = strings.Clone(i.Method), strings.Clone(i.Target)
		info = i
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, told{name, info})
}

func (l *hookLog) all() []told {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.calls)
}

// count returns how many of the calls so far have one of these names.
func (l *hookLog) count(names ...string) (n int) {
	for _, c := range l.all() {
		if slices.Contains(names, c.name) {
			n++
		}
	}
	return n
}

// waitFor waits until a hook was called n times.
func (l *hookLog) waitFor(t testing.TB, name string, n int) {
	t.Helper()
	eventually(t, func() string { return fmt.Sprintf("%s was called %d times: %s", name, l.count(name), l.names()) },
		func() bool { return l.count(name) >= n })
}

// names are those of the calls, but for the accepts, which nobody can number: another one waits already.
func (l *hookLog) names() string {
	var names []string
	for _, c := range l.all() {
		if !strings.HasPrefix(c.name, "Accept") {
			names = append(names, c.name)
		}
	}
	return strings.Join(names, " ")
}

// info returns what a hook was told when it was called for the nth time, from 0; negative is from the end.
func info[I any](t testing.TB, l *hookLog, name string, n int) I {
	t.Helper()
	var found []I
	for _, c := range l.all() {
		if c.name == name {
			found = append(found, c.info.(I))
		}
	}
	if n < 0 {
		n += len(found)
	}
	if n < 0 || n >= len(found) {
		t.Fatalf("%s was called %d times only: %s", name, len(found), l.names())
	}
	return found[n]
}

// checkPairs looks that whatever begins has ended, once all connections have been closed: of each connection once.
func (l *hookLog) checkPairs(t testing.TB) {
	t.Helper()
	for _, pair := range [][2]string{{"RecvStart", "RecvReady"}, {"SendStart", "SendReady"}, {"TLSHandshakeStart", "TLSHandshakeComplete"}, {"QueuePut", "QueueGet"}} {
		if begun, ended := l.count(pair[0]), l.count(pair[1]); begun != ended {
			t.Errorf("%s was called %d times, %s %d times", pair[0], begun, pair[1], ended)
		}
	}
	l.waitFor(t, "TaskAfterThrow", l.count("TaskBeforeThrow")) // by a goroutine that nobody waits for
	open := make(map[uint64]bool)
	for _, c := range l.all() {
		switch i := c.info.(type) {
		case instrument.AcceptReady:
			if i.Err == nil {
				open[i.Conn.ID] = true
			}
		case instrument.CloseInfo:
			if !open[i.Conn.ID] {
				t.Errorf("%v was closed twice, or never opened", i.Conn)
			}
			delete(open, i.Conn.ID)
		}
	}
	if len(open) > 0 {
		t.Errorf("Close was not told of %d connections", len(open))
	}
}

// payload returns all that was received, or sent.
func (l *hookLog) payload(name string) string {
	var b strings.Builder
	for _, c := range l.all() {
		switch i := c.info.(type) {
		case instrument.RecvData:
			if name == "RecvData" {
				b.Write(i.Data)
			}
		case instrument.SendData:
			if name == "SendData" {
				b.Write(i.Data[0])
			}
		}
	}
	return b.String()
}

// startHooked is start with all hooks. When the server has ended, every pair must be complete.
func startHooked(t *testing.T, s *httpcore.Server) (*site, *hookLog) {
	t.Helper()
	l := new(hookLog)
	s.Hooks = instrument.Compose(l.hooks(), s.Hooks)
	t.Cleanup(func() { l.checkPairs(t) })
	return start(t, s), l
}

// ended closes the client, and waits until the server has closed the connection.
func (l *hookLog) ended(c *client) {
	c.t.Helper()
	n := l.count("Close")
	_ = c.Close()
	l.waitFor(c.t, "Close", n+1)
}

func TestHooksOfARequest(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s, l := startHooked(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(hello)})
		before := time.Now()
		c := s.dial()
		l.waitFor(t, "RecvStart", 1)
		answer := c.send(get("/a?b")).recv("GET")
		l.waitFor(t, "RecvStart", 2)
		l.ended(c)

		want := "QueuePut QueueGet RecvStart RecvReady RecvData " +
			"TaskBeforeSend TaskAfterSend TaskCompleted SendStart SendData SendReady RecvStart RecvReady RecvData Close"
		if got := l.names(); got != want {
			t.Errorf("called were\n%s, want\n%s", got, want)
		}
		o := lifecycletest.Of[*lifecycle.ConnectionOpened](s.rec.Events())[0]
		conn := instrument.Conn{ID: o.ConnectionID, Worker: o.WorkerID, Local: s.addr, Remote: c.LocalAddr().String()}
		for _, call := range l.all() {
			got := reflect.ValueOf(call.info)
			if start := got.FieldByName("Start"); start.IsValid() && start.Interface().(time.Time).Before(before) && !strings.HasPrefix(call.name, "Accept") {
				t.Errorf("%s began too early: %+v", call.name, call.info)
			}
			if elapsed := got.FieldByName("Elapsed"); elapsed.IsValid() && (elapsed.Int() < 0 || elapsed.Int() > int64(time.Since(before)) && !strings.HasPrefix(call.name, "Accept")) {
				t.Errorf("%s took %v", call.name, elapsed)
			}
			if of := got.FieldByName("Conn"); of.IsValid() && of.Interface() != conn && !strings.HasPrefix(call.name, "Accept") {
				t.Errorf("%s was told of %+v, want %+v", call.name, of, conn)
			}
			if item := got.FieldByName("Item"); item.IsValid() && item.Interface() != conn {
				t.Errorf("%s was told of %+v, want %+v", call.name, item, conn)
			}
		}

		a := info[instrument.AcceptReady](t, l, "AcceptReady", 0)
		if a.Conn != conn || a.Local != s.addr || a.Err != nil || a.Start.After(before) && a.Elapsed > time.Since(before) {
			t.Errorf("AcceptReady: %+v", a)
		}
		if i := info[instrument.AcceptStart](t, l, "AcceptStart", 0); i.Local != s.addr || i.Start != a.Start {
			t.Errorf("AcceptStart: %+v", i)
		}
		for n := range 2 { // both wait for the client
			started, ready := info[instrument.IOStart](t, l, "RecvStart", n), info[instrument.IOReady](t, l, "RecvReady", n)
			if ready.Immediate || ready.Wait <= 0 || ready.Wait > ready.Elapsed || ready.Start != started.Start || ready.Err != nil {
				t.Errorf("RecvReady: %+v after %+v", ready, started)
			}
		}
		if i := info[instrument.RecvData](t, l, "RecvData", 0); string(i.Data) != get("/a?b") || i.Err != nil {
			t.Errorf("RecvData: %+v", i)
		}
		if i := info[instrument.RecvData](t, l, "RecvData", 1); len(i.Data) > 0 || i.Err != io.EOF {
			t.Errorf("the last RecvData: %+v", i)
		}
		sent := l.payload("SendData")
		if !strings.HasPrefix(sent, "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(sent, "\r\n\r\n"+answer.body) {
			t.Errorf("SendData: %q", sent)
		}
		if i := info[instrument.SendData](t, l, "SendData", 0); i.Bytes != int64(len(sent)) || i.Of != i.Bytes || i.Err != nil {
			t.Errorf("SendData: %+v", i)
		}
		started, ready := info[instrument.IOStart](t, l, "SendStart", 0), info[instrument.IOReady](t, l, "SendReady", 0)
		if started.Bytes != int64(len(sent)) || ready.Start != started.Start || !ready.Immediate || ready.Wait != 0 || ready.Err != nil {
			t.Errorf("SendReady: %+v after %+v", ready, started)
		}
		for _, name := range []string{"QueuePut", "QueueGet"} {
			if i := info[instrument.QueueEvent](t, l, name, 0); i.Queue != instrument.QueueWorker || !i.Immediate || i.Wait < 0 {
				t.Errorf("%s: %+v", name, i)
			}
		}
		for _, name := range []string{"TaskBeforeSend", "TaskAfterSend", "TaskCompleted"} {
			if i := info[instrument.TaskEvent](t, l, name, 0); i.Request != 1 || i.Method != "GET" || i.Target != "/a?b" || i.Err != nil {
				t.Errorf("%s: %+v", name, i)
			}
		}
		if i := info[instrument.CloseInfo](t, l, "Close", 0); i.Reason != "complete" || i.Elapsed <= 0 {
			t.Errorf("Close: %+v", i)
		}
	})
}

// Of a body, some waits in the socket, and some is waited for.
func TestHooksOfABody(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		go1, entered := make(chan struct{}), make(chan struct{})
		s, l := startHooked(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(entered)
			<-go1
			_, _ = io.Copy(w, r.Body)
		})})
		c := s.dial().send(post + "Content-Length: 10\r\n\r\n")
		<-entered
		c.send("01234") // it is in the socket now
		close(go1)
		l.waitFor(t, "RecvStart", 3)
		if i := info[instrument.IOReady](t, l, "RecvReady", 1); !i.Immediate || i.Wait != 0 {
			t.Errorf("RecvReady of what was there: %+v", i)
		}
		c.send("56789")
		if r := c.recv("POST"); r.body != "0123456789" {
			t.Errorf("got %s %q", r.Status, r.body)
		}
		if i := info[instrument.IOReady](t, l, "RecvReady", 2); i.Immediate || i.Wait <= 0 {
			t.Errorf("RecvReady of what was not there: %+v", i)
		}
		l.ended(c)
		if got := l.payload("RecvData"); got != post+"Content-Length: 10\r\n\r\n0123456789" {
			t.Errorf("received %q", got)
		}
	})
}

// A client that does not read is waited for, in vain.
func TestHooksOfASlowClient(t *testing.T) {
	body := make([]byte, 64<<20)
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s, l := startHooked(t, &httpcore.Server{Engine: e, WriteTimeout: 300 * time.Millisecond, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(body)
		})})
		s.dial().send(get("/"))
		l.waitFor(t, "Close", 1)
		started, ready := info[instrument.IOStart](t, l, "SendStart", 0), info[instrument.IOReady](t, l, "SendReady", 0)
		if started.Bytes <= int64(len(body)) || ready.Immediate || ready.Wait <= 0 || ready.Err == nil {
			t.Errorf("SendReady: %+v after %+v", ready, started)
		}
		if n := int64(len(l.payload("SendData"))); n == 0 || n >= started.Bytes {
			t.Errorf("%d of %d bytes were sent", n, started.Bytes)
		}
		if i := info[instrument.CloseInfo](t, l, "Close", 0); i.Reason != "timeout" {
			t.Errorf("Close: %+v", i)
		}
	})
}

// Files are shown, too.
func TestHooksOfAFile(t *testing.T) {
	content := strings.Repeat("0123456789", 100_000)
	name := t.TempDir() + "/file"
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s, l := startHooked(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.ServeFile(w, r, name)
		})})
		c := s.dial().send(get("/"))
		if r := c.recv("GET"); r.body != content {
			t.Errorf("got %d bytes", len(r.body))
		}
		l.ended(c)
		if sent := l.payload("SendData"); !strings.HasSuffix(sent, "\r\n\r\n"+content) {
			t.Errorf("%d bytes were told", len(sent))
		}
	})
}

func TestHooksOfTLS(t *testing.T) {
	cert := newCertificate(t)
	l := new(hookLog)
	s := startTLS(t, &httpcore.Server{TLSConfig: cert.server(), Hooks: l.hooks(), Handler: http.HandlerFunc(readAll)})
	c := s.dialTLS(cert.client())
	c.send(post + "Content-Length: 5\r\n\r\nhello").recv("POST")
	l.ended(c)
	i := info[instrument.TLSHandshake](t, l, "TLSHandshakeComplete", 0)
	state := lifecycletest.Of[*lifecycle.ConnectionOpened](s.rec.Events())[0].TLS
	if i.Err != nil || i.Version != state.Version || i.CipherSuite != state.CipherSuite || i.ServerName != "test" || i.Resumed || i.Client || i.Elapsed <= 0 {
		t.Errorf("TLSHandshakeComplete: %+v", i)
	}
	if start := info[instrument.IOStart](t, l, "TLSHandshakeStart", 0); start.Start != i.Start || start.Conn != i.Conn || i.Conn.Remote != c.LocalAddr().String() {
		t.Errorf("TLSHandshakeStart: %+v", start)
	}
	if got := l.payload("RecvData"); got != post+"Content-Length: 5\r\n\r\nhello" {
		t.Errorf("received %q", got)
	}
	if got := l.payload("SendData"); !strings.HasSuffix(got, "\r\n\r\nhello") {
		t.Errorf("sent %q", got)
	}

	c = s.dial().send(get("/")) // without TLS
	l.waitFor(t, "Close", 2)
	i = info[instrument.TLSHandshake](t, l, "TLSHandshakeComplete", 1)
	if i.Err == nil || i.Version != 0 || i.Conn.Remote != c.LocalAddr().String() {
		t.Errorf("TLSHandshakeComplete: %+v", i)
	}
	if i := info[instrument.CloseInfo](t, l, "Close", 1); i.Reason != "tls_handshake" {
		t.Errorf("Close: %+v", i)
	}
	_ = s.Close()
	l.checkPairs(t)
}

// The ends of a task.
func TestHooksOfTasks(t *testing.T) {
	var wrong *http.Request
	for path, want := range map[string]struct {
		names string
		err   string // of the end
	}{
		"/return": {"BeforeSend AfterSend Completed", "<nil>"},
		"/panic":  {"BeforeSend BeforeThrow AfterThrow Error", "panic: runtime error: invalid memory address or nil pointer dereference"},
		"/abort":  {"BeforeSend BeforeThrow AfterThrow Error", "net/http: abort Handler"},
		"/goexit": {"BeforeSend BeforeThrow AfterThrow Error", "the handler ended its goroutine"},
		"/gone":   {"BeforeSend BeforeThrow AfterThrow AfterSend Cancelled", "the client closed the connection before it was answered"},
	} {
		t.Run(path[1:], func(t *testing.T) {
			onEngines(t, func(t *testing.T, e httpcore.Engine) {
				entered := make(chan struct{})
				s, l := startHooked(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					close(entered)
					switch r.URL.Path {
					case "/panic":
						_ = wrong.Method
					case "/abort":
						panic(http.ErrAbortHandler)
					case "/goexit":
						runtime.Goexit()
					case "/gone":
						<-r.Context().Done()
					}
				})})
				c := s.dial().send(get(path))
				<-entered
				if path == "/gone" {
					_ = c.Close()
				}
				end := "Task" + want.names[strings.LastIndex(want.names, " ")+1:]
				l.waitFor(t, end, 1)
				if path == "/gone" { // the other goroutine
					l.waitFor(t, "TaskAfterThrow", 1)
				}
				got := l.tasks()
				if path == "/gone" { // when the throw is over, the handler may have been quicker
					got = strings.Replace(got, "AfterSend AfterThrow", "AfterThrow AfterSend", 1)
					got = strings.Replace(got, "AfterSend Cancelled AfterThrow", "AfterThrow AfterSend Cancelled", 1)
				}
				if got != want.names {
					t.Errorf("called were %s, want %s", got, want.names)
				}
				if i := info[instrument.TaskEvent](t, l, end, 0); fmt.Sprint(i.Err) != want.err || i.Target != path || i.Elapsed < 0 {
					t.Errorf("%s: %+v, want %s", end, i, want.err)
				}
				if strings.Contains(want.names, "Throw") {
					if i := info[instrument.TaskEvent](t, l, "TaskBeforeThrow", 0); i.Err == nil || i.Target != path {
						t.Errorf("TaskBeforeThrow: %+v", i)
					}
				}
				_ = c.Close()
			})
		})
	}
}

// A handler that aborts because its client has left, as a reverse proxy does, has failed for that reason.
func TestHooksOfATaskThatIsGivenUp(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s, l := startHooked(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		})})
		c := s.dial().send(get("/"))
		_, _ = c.Conn.Read(make([]byte, 1))
		_ = c.Close()
		l.waitFor(t, "TaskError", 1)
		if i := info[instrument.TaskEvent](t, l, "TaskError", 0); i.Err == nil || i.Err.Error() != "the client closed the connection before it was answered" {
			t.Errorf("TaskError: %+v", i)
		}
		l.waitFor(t, "Close", 1)
		if i := info[instrument.CloseInfo](t, l, "Close", 0); i.Reason != "client_disconnect" {
			t.Errorf("Close: %+v", i)
		}
	})
}

// tasks are the names of the Task hooks that were called.
func (l *hookLog) tasks() string {
	var names []string
	for name := range strings.FieldsSeq(l.names()) {
		if task, ok := strings.CutPrefix(name, "Task"); ok {
			names = append(names, task)
		}
	}
	return strings.Join(names, " ")
}

// A task that a SyncHandler leaves alone goes on with the Handler.
func TestHooksOfSyncTasks(t *testing.T) {
	for path, want := range map[string]string{
		"/taken": "BeforeSend AfterSend Completed",
		"/left":  "BeforeSend AfterSend BeforeSend AfterSend Completed",
		"/panic": "BeforeSend BeforeThrow AfterThrow Error",
	} {
		onEngines(t, func(t *testing.T, e httpcore.Engine) {
			s, l := startHooked(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(hello), Sync: httpcore.SyncHandlerFunc(func(_ *httpcore.SyncResponse, r *httpcore.SyncRequest) bool {
				if r.Path() == "/panic" {
					panic("bad")
				}
				return r.Path() == "/taken"
			})})
			c := s.dial().send(get(path))
			c.recv("GET")
			if got := l.tasks(); got != want {
				t.Errorf("%s: called were %s, want %s", path, got, want)
			}
			l.ended(c)
		})
	}
}

func letters(to *lettered, letter string) *instrument.Hooks {
	return &instrument.Hooks{
		AcceptReady:    func(instrument.AcceptReady) { to.add("A" + letter) },
		RecvReady:      func(instrument.IOReady) { to.add("R" + letter) },
		TaskBeforeSend: func(instrument.TaskEvent) { to.add("T" + letter) },
		SendData:       func(instrument.SendData) { to.add("S" + letter) },
		Close:          func(instrument.CloseInfo) { to.add("C" + letter) },
	}
}

// lettered collects letters.
type lettered struct {
	mu   sync.Mutex
	text []string
}

func (l *lettered) add(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, s)
}

func (l *lettered) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.text, " ")
}

// Those of the request come before those of the connection, and they before those of the server.
func TestScopesOfHooks(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		var written lettered
		s := start(t, &httpcore.Server{
			Engine: e,
			Hooks:  letters(&written, "s"),
			ConnHooks: func(ctx context.Context, c net.Conn) *instrument.Hooks {
				if c.RemoteAddr() == nil || ctx.Value(http.ServerContextKey) == nil {
					t.Error("ConnHooks is not told of its connection")
				}
				return letters(&written, "c")
			},
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/own" {
					ctx := instrument.With(r.Context(), letters(&written, "r"))
					ctx = instrument.With(ctx, letters(&written, "i"))
					written.add("with")
					instrument.FromContext(ctx).SendData(instrument.SendData{})
					instrument.FromContext(r.Context()).SendData(instrument.SendData{})
					written.add("answer")
				}
				hello(w, r)
			}),
		})
		c := s.dial()
		c.send(get("/own")).recv("GET")
		c.send(get("/")).recv("GET")
		_ = c.Close()
		waitClosed(t, s.rec)
		want := "Ac As Rc Rs Tc Ts with Si Sr Sc Ss Sc Ss answer Si Sr Sc Ss " + "Rc Rs Tc Ts Sc Ss Rc Rs Cc Cs"
		if got := written.String(); got != want {
			t.Errorf("the letters are\n%s, want\n%s", got, want)
		}
	})
}

// Hooks that contexts bring along are those of a listener, or of a connection.
func TestHooksFromContexts(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		var written lettered
		s := start(t, &httpcore.Server{
			Engine: e,
			Hooks:  letters(&written, "s"),
			BaseContext: func(net.Listener) context.Context {
				return instrument.With(context.Background(), letters(&written, "l"))
			},
			ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
				return instrument.With(ctx, letters(&written, "c"))
			},
			Handler: http.HandlerFunc(hello),
		})
		c := s.dial()
		c.send(get("/")).recv("GET")
		_ = c.Close()
		waitClosed(t, s.rec)
		if got, want := written.String(), "Al As Rc Rl Rs Tc Tl Ts Sc Sl Ss Rc Rl Rs Cc Cl Cs"; got != want {
			t.Errorf("the letters are\n%s, want\n%s", got, want)
		}
	})
}

// Hooks that come while another goroutine waits for the body are told of no end whose beginning they were not told of.
func TestHooksOfARequestThatComeInTheMiddleOfARead(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		own, l := new(hookLog), new(hookLog)
		waits, entered := make(chan struct{}), make(chan struct{})
		h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			var reads sync.WaitGroup
			reads.Go(func() { _, _ = r.Body.Read(make([]byte, 1)) })
			<-waits
			instrument.With(r.Context(), own.hooks())
			close(entered)
			reads.Wait()
			_, _ = io.Copy(io.Discard, r.Body)
		})
		t.Cleanup(func() { l.checkPairs(t) })
		s := start(t, &httpcore.Server{Engine: e, Hooks: l.hooks(), Handler: h})
		c := s.dial().send(post + "Content-Length: 2\r\n\r\n")
		l.waitFor(t, "RecvStart", 2)
		close(waits)
		<-entered
		c.send("0")
		l.waitFor(t, "RecvStart", 3)
		c.send("1").recv("POST")
		l.ended(c)
		if got, want := own.names(), "RecvStart RecvReady RecvData TaskAfterSend TaskCompleted SendStart SendData SendReady"; got != want {
			t.Errorf("called were\n%s, want\n%s", got, want)
		}
	})
}

// Without any other hooks, a request may have some of its own, and they end with it.
func TestHooksOfARequestAlone(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		var written lettered
		var late context.Context
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/own" {
				instrument.With(r.Context(), letters(&written, "r"))
				late = r.Context()
			}
			if h := instrument.FromContext(r.Context()); h != nil {
				t.Errorf("the request came with hooks: %+v", h)
			}
			hello(w, r)
		})})
		c := s.dial()
		c.send(get("/") + get("/own") + get("/")) // pipelined
		for range 3 {
			c.recv("GET")
		}
		instrument.With(late, letters(&written, "late")) // its request is over
		c.send(get("/")).recv("GET")
		_ = c.Close()
		waitClosed(t, s.rec)
		if got := written.String(); got != "Sr" {
			t.Errorf("the letters are %s, want Sr", got)
		}
	})
}

// Close is told once of every connection, however it ends, and whatever races with its end.
func TestCloseIsToldOnce(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s, l := startHooked(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(hello), MaxConnections: 6})
		const connections = 300
		clients := make(chan error, 1)
		go func() { clients <- shortConnections(s.addr, connections) }()
		l.waitFor(t, "Close", connections/2)
		_ = s.Close() // in the middle of it
		<-clients     // some were refused
		waitClosed(t, s.rec)
		eventually(t, func() string { return "connections are left: " + fmt.Sprint(l.count("Close")) }, func() bool {
			n := 0
			for _, c := range l.all() {
				if a, ok := c.info.(instrument.AcceptReady); ok && a.Err == nil {
					n++
				}
			}
			return n == l.count("Close")
		})
	})
}

func TestCloseOfARefusedConnection(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s, l := startHooked(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(hello), MaxConnections: 1})
		s.dial().send(get("/")).recv("GET")
		refused := s.dial()
		if r := refused.recv("GET"); r.StatusCode != 503 {
			t.Errorf("got %s", r.Status)
		}
		_ = refused.Close()
		l.waitFor(t, "Close", 1)
		if i := info[instrument.CloseInfo](t, l, "Close", 0); i.Reason != "max_concurrent_connections_exceeded" || i.Conn.Remote != refused.LocalAddr().String() {
			t.Errorf("Close: %+v", i)
		}
	})
}

// A connection that its handler has taken over is told about until the handler closes it.
func TestHooksOfAHijackedConnection(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s, l := startHooked(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			nc, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			line, _ := rw.ReadString('\n')
			_, _ = io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\n\r\n"+line)
			_ = nc.Close()
			_ = nc.Close()
		})})
		c := s.dial().send(get("/"))
		l.waitFor(t, "TaskBeforeSend", 1)
		c.send("echo\n")
		if b, err := io.ReadAll(c.r); !strings.HasSuffix(string(b), "\r\n\r\necho\n") || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
		l.waitFor(t, "TaskCompleted", 1)
		if got := l.payload("RecvData"); got != get("/")+"echo\n" {
			t.Errorf("received %q", got)
		}
		if got := l.payload("SendData"); !strings.HasSuffix(got, "\r\n\r\necho\n") {
			t.Errorf("sent %q", got)
		}
		if i := info[instrument.CloseInfo](t, l, "Close", 0); i.Reason != "upgrade" {
			t.Errorf("Close: %+v", i)
		}
	})
}

// Taken over when the client has reset it already, a connection knows its peer still, and each of its reads and writes ends.
func TestHooksOfAConnectionThatIsTakenOverTooLate(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s, l := startHooked(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			nc, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer nc.Close()
			if a, ok := nc.RemoteAddr().(*net.TCPAddr); !ok || a.String() != r.RemoteAddr {
				t.Errorf("RemoteAddr is %v, want %s", nc.RemoteAddr(), r.RemoteAddr)
			}
			if n, err := nc.Read(make([]byte, 1)); n != 0 || err == nil {
				t.Errorf("Read returned %d, %v", n, err)
			}
			var failed *net.OpError
			if n, err := io.WriteString(nc, switching); n != 0 || !errors.As(err, &failed) || failed.Op != "write" || failed.Net != "tcp" {
				t.Errorf("Write returned %d, %v", n, err)
			}
		})})
		c := s.dial().send(upgrade)
		l.waitFor(t, "TaskBeforeSend", 1)
		c.reset()
		l.waitFor(t, "TaskCancelled", 1)
		if i := info[instrument.IOReady](t, l, "SendReady", 0); i.Err == nil {
			t.Errorf("SendReady: %+v", i)
		}
	})
}

// Hooks that panic are logged once each, and cost nobody else anything.
func TestHooksThatPanic(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		var logged lockedBuffer
		bad := new(instrument.Hooks)
		for v, i := reflect.ValueOf(bad).Elem(), 0; i < v.NumField(); i++ {
			v.Field(i).Set(reflect.MakeFunc(v.Field(i).Type(), func([]reflect.Value) []reflect.Value { panic("bad hook") }))
		}
		s, l := startHooked(t, &httpcore.Server{Engine: e, Hooks: bad, ErrorLog: log.New(&logged, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			instrument.With(r.Context(), &instrument.Hooks{SendData: func(instrument.SendData) { panic("bad hook of a request") }})
			hello(w, r)
		})})
		for range 3 {
			c := s.dial()
			for range 3 {
				if r := c.send(get("/")).recv("GET"); r.body != "Hello, World!" {
					t.Errorf("got %s %q", r.Status, r.body)
				}
			}
			l.ended(c)
		}
		for _, name := range strings.Fields("AcceptStart AcceptReady RecvStart RecvReady RecvData SendStart SendData SendReady Close QueuePut QueueGet TaskBeforeSend TaskCompleted") {
			if n := strings.Count(logged.String(), "the hook "+name+" panics, which is told once: bad hook\n"); n != 1 {
				t.Errorf("%s was logged %d times", name, n)
			}
		}
		if n := strings.Count(logged.String(), "the hook SendData panics, which is told once: bad hook of a request\n"); n != 9 {
			t.Errorf("those of nine requests were logged %d times", n)
		}
	})
}

// Hooks for something else cost a request no allocation.
func TestHooksForOtherThingsAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates by itself")
	}
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		checkAllocations(t, &httpcore.Server{
			Engine: e, ErrorLog: discard, Sync: syncHello,
			Hooks: &instrument.Hooks{Close: func(instrument.CloseInfo) {}},
		}, get("/"))
	})
}

// A listener of somebody else's gives connections of somebody else's: what cannot be seen of them is said to have waited.
func TestHooksOfForeignConnections(t *testing.T) {
	l := new(hookLog)
	s := &httpcore.Server{Hooks: l.hooks(), Handler: http.HandlerFunc(hello)}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := startOn(t, s, foreignListener{inner}).dial()
	c.send(get("/")).recv("GET")
	l.ended(c)
	if i := info[instrument.IOReady](t, l, "SendReady", 0); i.Immediate || i.Wait <= 0 || i.Wait > i.Elapsed {
		t.Errorf("SendReady: %+v", i)
	}
	if got := l.payload("RecvData"); got != get("/") {
		t.Errorf("received %q", got)
	}
}

type foreignListener struct{ net.Listener }

func (l foreignListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return struct{ net.Conn }{c}, err
}

// AcceptReady ends every AcceptStart: here the last one, by the end of the server.
func TestAcceptIsToldToEnd(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		l := new(hookLog)
		server := &httpcore.Server{Engine: e, Hooks: l.hooks(), Handler: http.HandlerFunc(hello)}
		inner, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- server.Serve(inner) }()
		l.waitFor(t, "AcceptStart", 1)
		_ = server.Close()
		if err := <-served; !errors.Is(err, httpcore.ErrServerClosed) {
			t.Error(err)
		}
		if started, ready := l.count("AcceptStart"), l.count("AcceptReady"); started != ready {
			t.Errorf("AcceptStart was called %d times, AcceptReady %d times", started, ready)
		}
		if i := info[instrument.AcceptReady](t, l, "AcceptReady", -1); i.Err == nil || i.Conn.ID != 0 {
			t.Errorf("AcceptReady: %+v", i)
		}
	})
}

// lockedBuffer is for logs.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// hookTally counts what begins and has not ended yet.
type hookTally struct {
	open, recv, send, tasks atomic.Int64

	running sync.Map // the tasks: some are run twice, all end once
}

func (h *hookTally) hooks() *instrument.Hooks {
	type task struct {
		conn    uint64
		request int
	}
	ends := func(i instrument.TaskEvent) {
		h.running.Delete(task{i.Conn.ID, i.Request})
		h.tasks.Add(-1)
	}
	return &instrument.Hooks{
		AcceptReady: func(i instrument.AcceptReady) {
			if i.Err == nil {
				h.open.Add(1)
			}
		},
		Close:     func(instrument.CloseInfo) { h.open.Add(-1) },
		RecvStart: func(instrument.IOStart) { h.recv.Add(1) },
		RecvReady: func(instrument.IOReady) { h.recv.Add(-1) },
		SendStart: func(instrument.IOStart) { h.send.Add(1) },
		SendReady: func(instrument.IOReady) { h.send.Add(-1) },
		TaskBeforeSend: func(i instrument.TaskEvent) {
			if _, again := h.running.LoadOrStore(task{i.Conn.ID, i.Request}, true); !again {
				h.tasks.Add(1)
			}
		},
		TaskCompleted: ends,
		TaskError:     ends,
		TaskCancelled: ends,
	}
}

// check waits until everything has ended: connections that were refused take a moment longer than the server.
func (h *hookTally) check(t *testing.T) {
	t.Helper()
	left := func() [4]int64 { return [4]int64{h.open.Load(), h.recv.Load(), h.send.Load(), h.tasks.Load()} }
	eventually(t, func() string { return fmt.Sprintf("connections, reads, writes and tasks are left: %v", left()) },
		func() bool { return left() == [4]int64{} })
}
