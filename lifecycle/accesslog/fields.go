package accesslog

import "github.com/wirespan/wirespan/lifecycle"

// requestField is a header field of the request.
func requestField(name string, d Dialect) value {
	return field(name, d, func(r *Record) lifecycle.Fields { return r.Fields })
}

// responseField is a header field of the response.
func responseField(name string, d Dialect) value {
	return field(name, d, func(r *Record) lifecycle.Fields { return r.ResponseFields })
}

// field looks for a header field. Where there are several of the name, Seed takes the first, as the server does, and the other
// dialects the last; they also tell a field that is empty from one that is not there.
func field(name string, d Dialect, of func(*Record) lifecycle.Fields) value {
	find := last
	if d == Seed {
		find = first
	}
	return text(func(dst []byte, r *Record) ([]byte, bool) {
		fields := of(r)
		if fields == nil {
			return dst, false
		}
		v, present := find(fields, name)
		return append(dst, v...), present
	})
}

func first(f lifecycle.Fields, name string) (string, bool) {
	v := f.Get(name)
	return v, v != ""
}

func last(f lifecycle.Fields, name string) (v string, present bool) {
	for next, at := f.Next(name, 0); at >= 0; next, at = f.Next(name, at) {
		v, present = next, true
	}
	return v, present
}
