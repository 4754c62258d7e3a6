package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// tree makes a directory to serve, beside a file that is not to be served.
func tree(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	dir := filepath.Join(top, "www")
	for name, text := range map[string]string{
		"secret": "secret", "www/index.html": "<p>index", "www/a.txt": "some text", "www/sub/b.css": "b{}",
		"www/.env": "secret", "www/.git/config": "secret", "www/.well-known/security.txt": "contact",
	} {
		file := filepath.Join(top, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"out": "../secret", "up": "..", "loop": "loop", "in": "a.txt"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestServe(t *testing.T) {
	s := start(t, nil, "serve", tree(t))
	for _, c := range []struct {
		path   string
		status int
		body   string
	}{
		{"/", 200, `^<p>index$`},
		{"/index.html", 301, ``},
		{"/a.txt", 200, `^some text$`},
		{"/in", 200, `^some text$`},
		{"/sub", 301, ``},
		{"/sub/", 200, `b\.css`},
		{"/sub/b.css", 200, `^b\{\}$`},
		{"/.well-known/security.txt", 200, `^contact$`},
		{"/missing", 404, ``},
		{"/a.txt/more", 404, ``},
		{"/" + strings.Repeat("x", 300), 404, ``},
		{"/a%00b", 404, ``},
		{"/out", 404, ``},
		{"/up/secret", 404, ``},
		{"/loop", 404, ``},
		{"/pipe", 404, ``},
		{"/.env", 404, ``},
		{"/.git/config", 404, ``},
		{"/../secret", 404, ``},
		{"/%2e%2e/secret", 404, ``},
		{"/..%2fsecret", 404, ``},
	} {
		resp, body := s.get(c.path)
		if resp.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d", c.path, resp.StatusCode, c.status)
		}
		expect(t, c.path, body, c.body)
		if strings.Contains(body, "secret") {
			t.Errorf("%s tells what is not served: %q", c.path, body)
		}
	}
}

func TestServeHasTypesAndRanges(t *testing.T) {
	s := start(t, nil, "serve", tree(t))
	resp, _ := s.get("/sub/b.css")
	if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/css") {
		t.Errorf("Content-Type is %q", kind)
	}
	r := request(t, http.MethodGet, s.url+"/a.txt", nil)
	r.Header.Set("Range", "bytes=5-")
	if resp, body := s.do(r); resp.StatusCode != http.StatusPartialContent || body != "text" {
		t.Errorf("%s %q", resp.Status, body)
	}
}

func TestServeHidden(t *testing.T) {
	dir := tree(t)
	os.Remove(filepath.Join(dir, "index.html"))
	s := start(t, nil, "serve", dir)
	if _, body := s.get("/"); strings.Contains(body, ".env") || !strings.Contains(body, "a.txt") {
		t.Errorf("the listing is %q", body)
	}
	s = start(t, map[string]string{"WIRESPAN_HIDDEN": "true"}, "serve", dir)
	if _, body := s.get("/"); !strings.Contains(body, ".env") {
		t.Errorf("the listing is %q", body)
	}
	if resp, _ := s.get("/.env"); resp.StatusCode != 200 {
		t.Errorf("/.env: %s", resp.Status)
	}
}

func TestServeWhatMayNotBeRead(t *testing.T) {
	if os.Geteuid() == 0 {
		// root may read everything, so the error is made by hand
		if err := openError(&os.PathError{Op: "open", Err: syscall.EACCES}); !os.IsPermission(err) {
			t.Errorf("no permission becomes %v", err)
		}
		return
	}
	dir := tree(t)
	os.Chmod(filepath.Join(dir, "a.txt"), 0)
	s := start(t, nil, "serve", dir)
	if resp, _ := s.get("/a.txt"); resp.StatusCode != http.StatusForbidden {
		t.Errorf("status %s", resp.Status)
	}
}

// What is wrong with the machine is not "not found".
func TestOpenErrorOfTheMachine(t *testing.T) {
	if err := openError(&os.PathError{Op: "open", Err: syscall.EMFILE}); os.IsNotExist(err) {
		t.Error("too many open files becomes not found")
	}
}
