package faults

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"sync"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"

	"github.com/wirespan/wirespan/e2e/internal/sink"
)

// Wire is a receiver of OTLP/gRPC that answers each call with frames of HTTP/2 that a function writes.
type Wire struct {
	*Oracle
	listener *connections
	answer   func(*Call, *Frames) error
	running  sync.WaitGroup
}

// OpenWire starts one on a free port of 127.0.0.1. answer is called for one call of a connection after the other; an error of
// it ends the connection. The caller closes it.
func OpenWire(answer func(*Call, *Frames) error) (*Wire, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &Wire{Oracle: newOracle(), listener: newConnections(l), answer: answer}
	w.running.Go(w.accept)
	return w, nil
}

// Addr returns its host:port.
func (w *Wire) Addr() string { return w.listener.Addr().String() }

// Close ends it and all its connections.
func (w *Wire) Close() error {
	err := w.listener.Listener.Close()
	w.listener.resetAll()
	w.running.Wait()
	return err
}

func (w *Wire) accept() {
	for {
		c, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.running.Go(func() {
			defer c.Close()
			_ = w.serve(c) // the client has ended it, or the answer does not make sense, as it is meant to be
		})
	}
}

func (w *Wire) serve(c net.Conn) error {
	in := bufio.NewReader(c)
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(in, preface); err != nil || string(preface) != http2.ClientPreface {
		return fmt.Errorf("preface %q: %w", preface, err)
	}
	s := session{wire: w, conn: c, framer: http2.NewFramer(c, in), bodies: map[uint32]*bytes.Buffer{}}
	const window = 1 << 30 // never closed
	if err := errors.Join(
		s.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}),
		s.framer.WriteWindowUpdate(0, window),
	); err != nil {
		return err
	}
	for {
		frame, err := s.framer.ReadFrame()
		if err != nil {
			return err
		}
		if err := s.handle(frame); err != nil {
			return err
		}
	}
}

// session is a connection of a client.
type session struct {
	wire   *Wire
	conn   net.Conn
	framer *http2.Framer
	bodies map[uint32]*bytes.Buffer // of the calls that are not whole yet, by stream
	last   uint32                   // stream that GOAWAY has promised to look at; 0: all
}

func (s *session) handle(frame http2.Frame) error {
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			return s.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			return s.framer.WritePing(true, f.Data)
		}
	case *http2.HeadersFrame:
		if s.last == 0 || f.StreamID <= s.last {
			s.bodies[f.StreamID] = &bytes.Buffer{}
		}
	case *http2.DataFrame:
		return s.data(f)
	case *http2.RSTStreamFrame:
		delete(s.bodies, f.StreamID)
	}
	return nil
}

// data answers a call that is whole.
func (s *session) data(f *http2.DataFrame) error {
	body := s.bodies[f.StreamID]
	if body == nil {
		return nil // of a stream that was reset or is not looked at
	}
	body.Write(f.Data())
	if !f.StreamEnded() {
		return nil
	}
	delete(s.bodies, f.StreamID)
	call, err := readCall(body.Bytes())
	if err != nil {
		return err
	}
	s.wire.arrive(call)
	defer s.wire.forget(call)
	return s.wire.answer(call, &Frames{Framer: s.framer, Conn: s.conn, session: s, stream: f.StreamID, call: call, oracle: s.wire.Oracle})
}

// readCall reads a gRPC message (a byte that says whether it is compressed, and the length in four) with a request in it.
func readCall(message []byte) (*Call, error) {
	const prefix = 5
	if len(message) < prefix || message[0] != 0 || int(binary.BigEndian.Uint32(message[1:])) != len(message)-prefix {
		return nil, errors.New("not one uncompressed message")
	}
	var request collectorpb.ExportTraceServiceRequest
	if err := proto.Unmarshal(message[prefix:], &request); err != nil {
		return nil, err
	}
	c := newCall(len(message) - prefix)
	for s := range sink.Decode(&request) {
		c.Spans = append(c.Spans, s)
	}
	return c, nil
}

// Frames writes the answer to one call.
type Frames struct {
	*http2.Framer
	Conn net.Conn

	session *session
	stream  uint32
	call    *Call
	oracle  *Oracle
}

// Take notes that the spans are taken, and says so.
func (f *Frames) Take() error {
	f.oracle.take(f.call, 0)
	return errors.Join(f.Head(), f.Message(nil), f.Trailers("0"))
}

// Keep notes that the spans are taken, and says nothing.
func (f *Frames) Keep() { f.oracle.take(f.call, 0) }

// Head writes the header fields of an answer.
func (f *Frames) Head() error {
	return f.headers(false, ":status", "200", "content-type", "application/grpc")
}

// Message writes a gRPC message.
func (f *Frames) Message(message []byte) error {
	data := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	const most = 16 << 10 // in a frame
	for len(data) > most {
		if err := f.Piece(data[:most]); err != nil {
			return err
		}
		data = data[most:]
	}
	return f.Piece(data)
}

// Piece writes bytes of messages as they are.
func (f *Frames) Piece(data []byte) error { return f.WriteData(f.stream, false, data) }

// Attempts returns how often the first span of the call has come.
func (f *Frames) Attempts() int { return f.oracle.Fate(f.call.First()).Attempts }

// Trailers ends the answer with a status.
func (f *Frames) Trailers(status string) error { return f.headers(true, "grpc-status", status) }

// EndWithoutTrailers ends the answer in the middle.
func (f *Frames) EndWithoutTrailers() error { return f.WriteData(f.stream, true, nil) }

// ResetStream ends the call alone.
func (f *Frames) ResetStream(code http2.ErrCode) error { return f.WriteRSTStream(f.stream, code) }

// Leave announces the end of the connection after this call, which is not answered by that. Calls that were begun after it
// are not looked at.
func (f *Frames) Leave(code http2.ErrCode, why string) error {
	f.session.last = f.stream
	maps.DeleteFunc(f.session.bodies, func(stream uint32, _ *bytes.Buffer) bool { return stream > f.stream })
	return f.WriteGoAway(f.stream, code, []byte(why))
}

func (f *Frames) headers(end bool, fields ...string) error {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	encoder.SetMaxDynamicTableSizeLimit(0) // each block stands alone
	for i := 0; i < len(fields); i += 2 {
		if err := encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}); err != nil {
			return err
		}
	}
	return f.WriteHeaders(http2.HeadersFrameParam{StreamID: f.stream, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: end})
}
