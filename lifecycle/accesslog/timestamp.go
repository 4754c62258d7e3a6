package accesslog

// clf is the time of the Common Log Format.
const clf = "02/Jan/2006:15:04:05 -0700"

// timeAtom is the time at which the request began. In the dialect Seed it leaves its brackets out where the format has them
// already, so that [%(t)s] and %(t)s both come out right.
func timeAtom(o FormatOptions) value {
	in := o.Location
	bare := func(dst []byte, r *Record) ([]byte, bool) { return r.Begun().In(in).AppendFormat(dst, clf), true }
	v := text(func(dst []byte, r *Record) ([]byte, bool) {
		dst, _ = bare(append(dst, '['), r)
		return append(dst, ']'), true
	})
	if o.Dialect == Seed {
		v.inBrackets = bare
	}
	return v
}

// appendRFC3339 writes the time at which the request began, in UTC.
func appendRFC3339(dst []byte, r *Record) ([]byte, bool) {
	return r.Begun().UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000Z"), true
}
