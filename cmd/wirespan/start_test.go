package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

func failsToStart(t *testing.T, args []string, says ...string) {
	t.Helper()
	code, _, stderr := once(t, nil, args...)
	if code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	oneSentence(t, stderr, says...)
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr := l.Addr().String()
	failsToStart(t, []string{"demo", "--addr", addr, "--admin", "off"}, addr, "--addr", "already in use")
	failsToStart(t, []string{"demo", "--addr", "127.0.0.1:0", "--admin", addr}, addr, "--admin", "already in use")
}

// Sockets that share a port must not let a second server in beside the first.
func TestPortOfAnotherServer(t *testing.T) {
	s := start(t, nil, "demo", "--workers", "2")
	addr := s.url[len("http://"):]
	failsToStart(t, []string{"demo", "--addr", addr, "--admin", "off", "--workers", "2"}, addr, "already in use")
}

func TestNoSocketOfSystemd(t *testing.T) {
	failsToStart(t, []string{"demo", "--addr", "systemd", "--admin", "off"}, "--addr", "systemd has handed over no socket")
	failsToStart(t, []string{"demo", "--addr", "systemd:web", "--admin", "off"}, "systemd:web", "no socket")
}

func TestAcceptModes(t *testing.T) {
	for _, mode := range []string{"reuseport", "distribute"} {
		s := start(t, nil, "demo", "--workers", "2", "--accept", mode)
		if _, body := s.get("/"); body != greeting {
			t.Errorf("--accept %s: body %q", mode, body)
		}
	}
}

func TestUnreadableCertificate(t *testing.T) {
	dir := t.TempDir()
	cert, key := writeCertificate(t, dir)
	rubbish := filepath.Join(dir, "rubbish.pem")
	if err := os.WriteFile(rubbish, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing.pem")
	failsToStart(t, []string{"demo", "--tls-cert", missing, "--tls-key", key}, missing, "--tls-cert", "does not exist")
	failsToStart(t, []string{"demo", "--tls-cert", cert, "--tls-key", missing}, missing, "--tls-key", "does not exist")
	failsToStart(t, []string{"demo", "--tls-cert", rubbish, "--tls-key", key}, rubbish, "cannot use the certificate")
}

func TestMissingDirectory(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	failsToStart(t, []string{"serve", missing, "--addr", "127.0.0.1:0", "--admin", "off"}, missing, "does not exist")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	failsToStart(t, []string{"serve", file, "--addr", "127.0.0.1:0", "--admin", "off"}, file, "not a directory")
}

func TestUnixSockets(t *testing.T) {
	dir := t.TempDir()
	socket, admin := filepath.Join(dir, "s"), filepath.Join(dir, "a")
	// What a killed server left behind is in nobody's way.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: admin, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()

	s := start(t, nil, "demo", "--addr", "unix:"+socket, "--admin", "unix:"+admin)
	s.dialInstead(socket)
	s.url = "http://localhost"
	if _, body := s.get("/chain"); body != "{\"called\":\"/users/42\",\"user\":{\"id\":\"42\",\"name\":\"User 42\"}}\n" {
		t.Errorf("body %q", body)
	}
	s.dialInstead(admin)
	if _, body := s.get("/readyz"); body != "ok\n" {
		t.Errorf("/readyz says %q", body)
	}
	failsToStart(t, []string{"demo", "--addr", "127.0.0.1:0", "--admin", "unix:" + admin}, admin, "already in use")
}
