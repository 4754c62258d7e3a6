package httpcore

import (
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// A request with its handler is a task: what becomes of it is told here. All but throw are called by the goroutine that serves
// the connection.

// taskHook chooses a hook.
type taskHook func(*instrument.Hooks) func(instrument.TaskEvent)

func beforeSend(h *instrument.Hooks) func(instrument.TaskEvent)  { return h.TaskBeforeSend }
func afterSend(h *instrument.Hooks) func(instrument.TaskEvent)   { return h.TaskAfterSend }
func beforeThrow(h *instrument.Hooks) func(instrument.TaskEvent) { return h.TaskBeforeThrow }
func afterThrow(h *instrument.Hooks) func(instrument.TaskEvent)  { return h.TaskAfterThrow }
func completed(h *instrument.Hooks) func(instrument.TaskEvent)   { return h.TaskCompleted }
func failed(h *instrument.Hooks) func(instrument.TaskEvent)      { return h.TaskError }
func cancelled(h *instrument.Hooks) func(instrument.TaskEvent)   { return h.TaskCancelled }

// taskRuns is called before a handler is: for the first time, or again because a SyncHandler has left the task alone.
func (c *conn) taskRuns(x *exchange) {
	if o := c.hooks.Load(); o != nil {
		o.taskRuns(x)
	}
}

func (o *hooked) taskRuns(x *exchange) {
	if !o.inTask {
		o.inTask, o.taskStart = true, time.Now()
	}
	o.tellTask(beforeSend, x, nil)
}

// taskLeft is called when a SyncHandler has left a task alone.
func (c *conn) taskLeft(x *exchange) {
	if o := c.hooks.Load(); o != nil {
		o.tellTask(afterSend, x, nil)
	}
}

// taskReturned is called when a handler has returned; gone: its client was gone before.
func (c *conn) taskReturned(x *exchange, gone bool) {
	if o := c.hooks.Load(); o != nil {
		o.taskReturned(x, gone)
	}
}

func (o *hooked) taskReturned(x *exchange, gone bool) {
	o.tellTask(afterSend, x, nil)
	if gone {
		o.taskEnds(x, cancelled, o.c.whyCancelled())
	} else {
		o.taskEnds(x, completed, nil)
	}
}

// taskEnds is the end of a task, if it has begun.
func (c *conn) taskEnds(x *exchange, how taskHook, err error) {
	if o := c.hooks.Load(); o != nil {
		o.taskEnds(x, how, err)
	}
}

func (o *hooked) taskEnds(x *exchange, how taskHook, err error) {
	if o.inTask {
		o.inTask = false
		o.tellTask(how, x, err)
	}
}

// taskPanicked encloses what the server does about a handler that has panicked, or ended its goroutine: value is nil then.
func (c *conn) taskPanicked(x *exchange, value any, recovered func()) {
	o := c.hooks.Load()
	if o == nil {
		recovered()
		return
	}
	err := errGoexit
	if value != nil {
		err = &lifecycle.PanicError{Value: value}
	}
	o.tellTask(beforeThrow, x, err)
	recovered()
	o.tellTask(afterThrow, x, err)
}

func (o *hooked) tellTask(which taskHook, x *exchange, err error) {
	if tell := which(o.inForce.Load()); tell != nil {
		tell(o.task(x, err))
	}
}

func (o *hooked) task(x *exchange, err error) instrument.TaskEvent {
	return instrument.TaskEvent{
		Conn: o.conn, Request: x.request.Index, Method: x.request.Method, Target: x.request.Target,
		Start: o.taskStart, Elapsed: time.Since(o.taskStart), Err: err,
	}
}

// throw is the delivery of the end of its context to a task, told by any goroutine.
type throw struct {
	hooks *instrument.Hooks // nil: nobody is told
	event instrument.TaskEvent
}

// throwInto makes the throw for a request whose client is gone. The caller holds requestContext.mu, so that the request is
// not over.
func (c *conn) throwInto(x *exchange) (t throw) {
	if o := c.hooks.Load(); o != nil {
		t = throw{o.inForce.Load(), o.task(x, c.whyCancelled())}
	}
	return t
}

// whyCancelled says why the context of a request has ended while its handler runs.
func (c *conn) whyCancelled() error {
	if c.server.closed.Load() {
		return errClosed
	}
	return errClientGone
}

func (t *throw) tell(which taskHook) {
	if t.hooks == nil {
		return
	}
	if tell := which(t.hooks); tell != nil {
		tell(t.event)
	}
}
