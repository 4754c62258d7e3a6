package httpcore

import (
	"io"
	"os"
)

// ReadFrom implements [io.ReaderFrom]: the body of a declared length that comes from a file is sent without passing
// through this process, where the system can.
func (w *response) ReadFrom(src io.Reader) (int64, error) {
	if n, ok, err := w.trySendFile(src); ok {
		return n, err
	}
	buf := buffers.get(32 << 10)
	defer buffers.put(buf)
	return io.CopyBuffer(writerOnly{w}, src, buf)
}

type writerOnly struct{ io.Writer }

// trySendFile sends src whole when it is a part of a file, as http.ServeContent has it, and not longer than what is
// missing of the Content-Length.
func (w *response) trySendFile(src io.Reader) (n int64, ok bool, err error) {
	limited, isLimited := src.(*io.LimitedReader)
	if !isLimited || limited.N < minBuffer {
		return 0, false, nil
	}
	file, isFile := limited.R.(*os.File)
	if !isFile || w.c.tls != nil {
		return 0, false, nil
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return 0, false, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.beforeWrite(0); err != nil || w.x.isHead || !statusAllowsBody(w.x.status) || !w.hasContentType {
		return 0, false, nil
	}
	if w.contentLength < 0 || w.written+limited.N > w.contentLength {
		return 0, false, nil
	}
	if _, err := w.send(nil); err != nil {
		return 0, true, err
	}
	n, err = w.c.io.readFrom(limited)
	w.written += n
	w.x.bytesSent += n
	if err != nil {
		w.failed(err)
	}
	return n, true, err
}
