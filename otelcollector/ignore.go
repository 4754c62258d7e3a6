package otelcollector

import (
	"slices"
	"strings"

	"github.com/wirespan/wirespan/lifecycle"
)

// pathFilter says which requests are not traced.
type pathFilter struct{ exact, prefixes []string }

// newPathFilter reads [Settings.IgnorePaths].
func newPathFilter(paths []string) (f pathFilter, err error) {
	for _, p := range paths {
		prefix, isPrefix := strings.CutSuffix(p, "*")
		switch {
		case !strings.HasPrefix(p, "/") || strings.ContainsAny(prefix, "*?#"):
			return f, &SettingError{"IgnorePaths", p, "a path such as /healthz, or the beginning of paths and a star, such as /internal/*"}
		case isPrefix:
			f.prefixes = append(f.prefixes, prefix)
		default:
			f.exact = append(f.exact, p)
		}
	}
	return f, nil
}

func (f *pathFilter) matches(r *lifecycle.Request) bool {
	if len(f.exact) == 0 && len(f.prefixes) == 0 {
		return false
	}
	path, _ := splitTarget(r.Method, r.Target)
	if slices.Contains(f.exact, path) {
		return true
	}
	for _, prefix := range f.prefixes {
		if strings.HasPrefix(path, prefix) {
			return !mayLeadElsewhere(path[len(prefix):])
		}
	}
	return false
}

// mayLeadElsewhere reports whether a server may take the rest of a path for one beside the prefix: nobody hides a
// request from the traces by putting "/internal/../" before it.
func mayLeadElsewhere(rest string) bool {
	return strings.Contains(rest, "..") || strings.IndexByte(rest, '%') >= 0
}
