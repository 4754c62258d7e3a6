package instrument

import (
	"log"
	"runtime/debug"
	"sync"
)

// Guard returns hooks that call those of h, and outlive their panics: the first of each function is logged, with its stack.
// It is for whoever calls hooks, and [With] has done it. A nil h is nil, a nil logger is the log package's standard one.
func Guard(h *Hooks, l *log.Logger) *Hooks {
	if h == nil {
		return nil
	}
	if l == nil {
		l = log.Default()
	}
	return &Hooks{
		AcceptStart:          guarded(h.AcceptStart, "AcceptStart", l),
		AcceptReady:          guarded(h.AcceptReady, "AcceptReady", l),
		RecvStart:            guarded(h.RecvStart, "RecvStart", l),
		RecvReady:            guarded(h.RecvReady, "RecvReady", l),
		RecvData:             guarded(h.RecvData, "RecvData", l),
		SendStart:            guarded(h.SendStart, "SendStart", l),
		SendReady:            guarded(h.SendReady, "SendReady", l),
		SendData:             guarded(h.SendData, "SendData", l),
		ConnectStart:         guarded(h.ConnectStart, "ConnectStart", l),
		ConnectReady:         guarded(h.ConnectReady, "ConnectReady", l),
		TLSHandshakeStart:    guarded(h.TLSHandshakeStart, "TLSHandshakeStart", l),
		TLSHandshakeComplete: guarded(h.TLSHandshakeComplete, "TLSHandshakeComplete", l),
		Close:                guarded(h.Close, "Close", l),
		QueuePut:             guarded(h.QueuePut, "QueuePut", l),
		QueueGet:             guarded(h.QueueGet, "QueueGet", l),
		TaskBeforeSend:       guarded(h.TaskBeforeSend, "TaskBeforeSend", l),
		TaskAfterSend:        guarded(h.TaskAfterSend, "TaskAfterSend", l),
		TaskBeforeThrow:      guarded(h.TaskBeforeThrow, "TaskBeforeThrow", l),
		TaskAfterThrow:       guarded(h.TaskAfterThrow, "TaskAfterThrow", l),
		TaskCompleted:        guarded(h.TaskCompleted, "TaskCompleted", l),
		TaskError:            guarded(h.TaskError, "TaskError", l),
		TaskCancelled:        guarded(h.TaskCancelled, "TaskCancelled", l),
	}
}

func guarded[I any](hook func(I), name string, l *log.Logger) func(I) {
	if hook == nil {
		return nil
	}
	var once sync.Once
	return func(i I) {
		defer func() {
			if value := recover(); value != nil {
				once.Do(func() {
					l.Printf("instrument: the hook %s panics, which is told once: %v\n%s", name, value, debug.Stack())
				})
			}
		}()
		hook(i)
	}
}
