package otelcollector_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelcollector"
)

// BenchmarkUpload is BenchmarkRequest with everything that follows: the spans go over gRPC to a receiver in a process of
// its own, so that the figures are those of the sender. user-ns/op and sys-ns/op are what counts; ns/op is shorter, since
// uploads run beside.
func BenchmarkUpload(b *testing.B) {
	b.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", startReceiver(b))
	c := newCollector(b, otelcollector.Config{
		MaxQueueBytes: 1 << 30,
		ErrorHandler:  func(err error) { b.Errorf("unexpected report: %v", err) },
	})
	h := newHot(dial(b, c))
	for range 20_000 { // the connection, and the buffers
		h.serve()
	}
	user, system := cpu(b)
	b.ReportAllocs()
	for b.Loop() {
		h.serve()
	}
	if err := c.ForceFlush(b.Context()); err != nil {
		b.Fatal(err)
	}
	userEnd, systemEnd := cpu(b)
	b.ReportMetric(float64(userEnd-user)/float64(b.N), "user-ns/op")
	b.ReportMetric(float64(systemEnd-system)/float64(b.N), "sys-ns/op")
	h.to.Record(&lifecycle.ConnectionCompleted{Stamp: h.started.Stamp})
}

// cpu is what this process has used.
func cpu(b *testing.B) (user, system time.Duration) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano()), time.Duration(usage.Stime.Nano())
}

// envReceiver makes a receiver of the test's binary.
const envReceiver = "WIRESPAN_TEST_RECEIVER"

// startReceiver starts a process that takes spans, does nothing with them, and ends with the benchmark.
func startReceiver(b *testing.B) (endpoint string) {
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), envReceiver+"=1")
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = stdin.Close() // ends it
		if err := command.Wait(); err != nil {
			b.Errorf("receiver: %v", err)
		}
	})
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return "http://" + strings.TrimSpace(address)
}

// runReceiver is the process: it ends when its standard input does.
func runReceiver() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s := grpc.NewServer(grpc.ForceServerCodecV2(ignorant{encoding.GetCodecV2(proto.Name)}))
	collectorpb.RegisterTraceServiceServer(s, &receiver{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // until it ends
		s.Stop()
	}()
	fmt.Println(l.Addr())
	if err := s.Serve(l); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// ignorant is a codec that does not look at what comes.
type ignorant struct{ encoding.CodecV2 }

// Unmarshal implements [encoding.CodecV2].
func (ignorant) Unmarshal(mem.BufferSlice, any) error { return nil }
