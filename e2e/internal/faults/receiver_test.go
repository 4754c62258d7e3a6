package faults_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"syscall"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/wirespan/wirespan/e2e/internal/faults"
)

// The answers over gRPC, and what the oracle knows afterwards about a request with two spans.
func TestAnswersOverGRPC(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer faults.Answer
		code   codes.Code
		unique int
	}{
		{"ok", faults.Answer{}, codes.OK, 2},
		{"delay", faults.Answer{Delay: 10 * time.Millisecond}, codes.OK, 2},
		{"partial success", faults.Answer{Rejected: 1, Message: "one"}, codes.OK, 1},
		{"more rejected than there are", faults.Answer{Rejected: 7}, codes.OK, 0},
		{"fewer than none", faults.Answer{Rejected: -1}, codes.OK, 2},
		{"status", faults.Refuse(codes.DataLoss), codes.DataLoss, 0},
		{"retry info", faults.RefuseFor(codes.ResourceExhausted, -time.Hour), codes.ResourceExhausted, 0},
		{"break", faults.Answer{Break: true}, codes.Unavailable, 0},
		{"lose", faults.Answer{Lose: true}, codes.Unavailable, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := open(t, faults.Options{Script: func(*faults.Call) faults.Answer { return c.answer }})
			resp, err := dial(t, r.Addr(), nil).Export(t.Context(), request(1, 2))
			if status.Code(err) != c.code {
				t.Fatalf("%v, want %v", err, c.code)
			}
			if got := resp.GetPartialSuccess().GetRejectedSpans(); got != c.answer.Rejected {
				t.Errorf("%d rejected, want %d", got, c.answer.Rejected)
			}
			if n := r.Counts(); n.Unique != c.unique || n.Duplicate != 0 {
				t.Errorf("%+v, want %d spans", n, c.unique)
			}
			if p := r.Problems(); len(p) != 0 {
				t.Error(p)
			}
		})
	}
}

func TestRetryInfo(t *testing.T) {
	for _, want := range []time.Duration{0, -time.Second, 1500 * time.Millisecond, 10 * time.Hour} {
		details := faults.RefuseFor(codes.Unavailable, want).Status.Details()
		if len(details) != 1 || details[0].(*errdetails.RetryInfo).GetRetryDelay().AsDuration() != want {
			t.Errorf("%v, want a delay of %v", details, want)
		}
	}
}

func TestAnswersOverHTTP(t *testing.T) {
	r := open(t, faults.Options{HTTP: true, Script: func(c *faults.Call) faults.Answer {
		switch c.First() {
		case 1:
			return faults.Answer{HTTP: 429, RetryAfter: "2"}
		case 2:
			return faults.Answer{Lose: true}
		}
		return faults.Answer{}
	}})
	resp, err := post(t, r.Addr(), request(1))
	if err != nil || resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "2" {
		t.Errorf("%v, %v, want 429", resp, err)
	}
	if _, err := post(t, r.Addr(), request(2)); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Errorf("%v, want the connection to be reset", err)
	}
	if resp, err := post(t, r.Addr(), request(3)); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%v, %v, want 200", resp, err)
	}
	if n := r.Counts(); n.Unique != 2 || n.Calls != 3 {
		t.Errorf("%+v, want 2 spans of 3 calls", n)
	}
}

func TestCallIsHeldUntilItIsReleased(t *testing.T) {
	came, release := make(chan struct{}), make(chan struct{})
	r := open(t, faults.Options{Script: func(c *faults.Call) faults.Answer {
		if c.First() == 1 {
			close(came)
			return faults.Answer{Until: make(chan struct{})}
		}
		return faults.Answer{Until: release}
	}})
	client := dial(t, r.Addr(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-came; cancel() }()
	if _, err := client.Export(ctx, request(1)); status.Code(err) != codes.Canceled {
		t.Errorf("%v, want that the client gives up", err)
	}
	close(release)
	if _, err := client.Export(t.Context(), request(2)); err != nil {
		t.Error(err)
	}
	if a, b := r.Fate(1), r.Fate(2); a.Attempts != 1 || a.Taken != 0 || b.Taken != 1 {
		t.Errorf("%+v and %+v, want only the second to be taken", a, b)
	}
}

func TestReceiverComesBackOnItsPort(t *testing.T) {
	r := open(t, faults.Options{})
	client := dial(t, r.Addr(), nil)
	for range 3 {
		if _, err := client.Export(t.Context(), request(1), grpc.WaitForReady(true)); err != nil {
			t.Fatal(err)
		}
		r.Shut()
		if _, err := client.Export(t.Context(), request(1)); status.Code(err) != codes.Unavailable {
			t.Fatalf("%v while nobody listens", err)
		}
		if err := r.Listen(); err != nil {
			t.Fatal(err)
		}
	}
	if f := r.Fate(1); f.Taken != 3 || f.Attempts != 3 {
		t.Errorf("%+v, want it to be taken three times", f)
	}
	if n := r.Counts(); n.Unique != 1 || n.Duplicate != 2 {
		t.Errorf("%+v, want one span and two duplicates", n)
	}
}

func TestReceiverSpeaksTLS(t *testing.T) {
	authority, err := faults.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	known := x509.NewCertPool()
	known.AppendCertsFromPEM(authority.PEM)
	for name, c := range map[string]struct {
		expires time.Time
		code    codes.Code
	}{
		"valid":   {time.Now().Add(time.Hour), codes.OK},
		"expired": {time.Now().Add(-time.Minute), codes.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			certificate, err := authority.Issue(c.expires)
			if err != nil {
				t.Fatal(err)
			}
			r := open(t, faults.Options{TLS: &tls.Config{Certificates: []tls.Certificate{*certificate}}})
			_, err = dial(t, r.Addr(), credentials.NewTLS(&tls.Config{RootCAs: known})).Export(t.Context(), request(1))
			if status.Code(err) != c.code {
				t.Errorf("%v, want %v", err, c.code)
			}
		})
	}
}
