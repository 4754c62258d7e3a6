package reliability_test

import (
	"io"
	"net"
	"os"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc/grpclog"
)

func TestMain(m *testing.M) {
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard)) // what goes wrong here is meant to
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		l.Close() // now the runtime has its own descriptors
	}
	if os.Getenv(envInside) != "" {
		os.Exit(m.Run()) // it is one row, and whoever started it looks at the rest
	}
	goleak.VerifyTestMain(m)
}
