package accesslog

import "fmt"

// Dialect settles what an atom means where the servers that share the notation differ.
type Dialect int

const (
	// Seed, the zero value, is the dialect of the documentation: p is the server's port, P the process id, h the client's
	// address, r the first line of the request as it was received, b the bytes of the body that were sent or "-".
	Seed Dialect = iota
	// Hypercorn writes each atom as Hypercorn does: h with the port, r and H without "HTTP/", b from Content-Length, p as <pid>.
	Hypercorn
	// Gunicorn writes each atom as Gunicorn does: b is "0" when nothing was sent, p is <pid>.
	Gunicorn
)

var dialects = [...]string{Seed: "seed", Hypercorn: "hypercorn", Gunicorn: "gunicorn"}

// String returns the name that [ParseDialect] takes.
func (d Dialect) String() string {
	if d < 0 || int(d) >= len(dialects) {
		return fmt.Sprintf("Dialect(%d)", int(d))
	}
	return dialects[d]
}

// ParseDialect returns the dialect with this name: seed, hypercorn or gunicorn.
func ParseDialect(name string) (Dialect, error) {
	for d, n := range dialects {
		if n == name {
			return Dialect(d), nil
		}
	}
	return 0, fmt.Errorf("access log dialect %q is not known: allowed are seed, hypercorn and gunicorn", name)
}

// DefaultFormat is the format of a server that is not told one.
func (d Dialect) DefaultFormat() string {
	if d == Hypercorn {
		return `%(h)s %(l)s %(l)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"`
	}
	return Combined
}
