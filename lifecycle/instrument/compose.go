package instrument

// Compose returns hooks that call those of inner, and then those of outer. It changes neither, and nil counts as none: of one
// set and nil it returns the set. The same hooks may be given twice; they are called twice.
func Compose(inner, outer *Hooks) *Hooks {
	switch {
	case inner == nil:
		return outer
	case outer == nil:
		return inner
	}
	return &Hooks{
		AcceptStart:          both(inner.AcceptStart, outer.AcceptStart),
		AcceptReady:          both(inner.AcceptReady, outer.AcceptReady),
		RecvStart:            both(inner.RecvStart, outer.RecvStart),
		RecvReady:            both(inner.RecvReady, outer.RecvReady),
		RecvData:             both(inner.RecvData, outer.RecvData),
		SendStart:            both(inner.SendStart, outer.SendStart),
		SendReady:            both(inner.SendReady, outer.SendReady),
		SendData:             both(inner.SendData, outer.SendData),
		ConnectStart:         both(inner.ConnectStart, outer.ConnectStart),
		ConnectReady:         both(inner.ConnectReady, outer.ConnectReady),
		TLSHandshakeStart:    both(inner.TLSHandshakeStart, outer.TLSHandshakeStart),
		TLSHandshakeComplete: both(inner.TLSHandshakeComplete, outer.TLSHandshakeComplete),
		Close:                both(inner.Close, outer.Close),
		QueuePut:             both(inner.QueuePut, outer.QueuePut),
		QueueGet:             both(inner.QueueGet, outer.QueueGet),
		TaskBeforeSend:       both(inner.TaskBeforeSend, outer.TaskBeforeSend),
		TaskAfterSend:        both(inner.TaskAfterSend, outer.TaskAfterSend),
		TaskBeforeThrow:      both(inner.TaskBeforeThrow, outer.TaskBeforeThrow),
		TaskAfterThrow:       both(inner.TaskAfterThrow, outer.TaskAfterThrow),
		TaskCompleted:        both(inner.TaskCompleted, outer.TaskCompleted),
		TaskError:            both(inner.TaskError, outer.TaskError),
		TaskCancelled:        both(inner.TaskCancelled, outer.TaskCancelled),
	}
}

func both[I any](first, then func(I)) func(I) {
	switch {
	case first == nil:
		return then
	case then == nil:
		return first
	}
	return func(i I) {
		first(i)
		then(i)
	}
}
