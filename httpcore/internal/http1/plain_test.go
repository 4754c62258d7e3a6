package http1

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Plain twins: slow readers of what is complete, written as the rules are, with expressions and splitting. They know
// nothing of pieces and of the byte that decides. Bytes are runes to them: U+0000 to U+00FF.

func latin1(b []byte) string {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

func unlatin1(s string) string {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}

const (
	tokenRule  = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
	valueRule  = `[\t\x20-\x7e\x{80}-\x{ff}]*`
	targetRule = `[!-~\x{80}-\x{ff}]+`
	hostRule   = `(?:(?:[A-Za-z0-9._~!$&'()*+;=-]|%[0-9A-Fa-f]{2})+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?`
)

var (
	plainRequestLine = regexp.MustCompile(`^(` + tokenRule + `) (` + targetRule + `) HTTP/1\.([01])$`)
	plainField       = regexp.MustCompile(`^(` + tokenRule + `):(` + valueRule + `)$`)
	plainAuthority   = regexp.MustCompile(`^` + hostRule + `$`)
	plainAbsolute    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://(` + hostRule + `)([/?]` + targetRule + `|[/?])?$`)
	plainDigits      = regexp.MustCompile(`^[0-9]+$`)
)

func validAuthorityPlain(s string) bool {
	if !plainAuthority.MatchString(s) {
		return false
	}
	if literal, _, ok := strings.Cut(s, "]"); ok && !validIPv6Plain(literal[1:]) {
		return false
	}
	port := s[strings.LastIndexByte(s, ']')+1:]
	if i := strings.IndexByte(port, ':'); i >= 0 && port[i+1:] != "" {
		n, err := strconv.ParseUint(port[i+1:], 10, 16)
		return err == nil && n <= 65535
	}
	return true
}

// plainHead is the twin of Parse. complete: b holds an empty line; what is understood is "" if the head is refused.
func plainHead(b []byte, lim Limits) (n int, understood string, complete bool) {
	s := latin1(b)
	empty := 0
	for strings.HasPrefix(s, "\r\n") {
		s = s[2:]
		empty++
	}
	text, _, complete := strings.Cut(s, "\r\n\r\n")
	if !complete {
		return 0, "", false
	}
	size := len([]rune(text)) + 4
	lines := strings.Split(text, "\r\n")
	p := plain{length: -1}
	if empty > maxEmptyLines || size > lim.MaxHeaderBytes || len(lines)-1 > lim.MaxHeaders || !p.read(lines, lim) {
		return 0, "", true
	}
	return 2*empty + size, p.describe(), true
}

// plain is what plainHead understood.
type plain struct {
	method, target, minor, form             string
	fields                                  [][2]string
	host, authority                         string
	length                                  int
	chunked, expectation                    bool
	tokens                                  map[string]bool
	upgradeProtocol, encodings, traceparent string
}

func (p *plain) read(lines []string, lim Limits) bool {
	m := plainRequestLine.FindStringSubmatch(lines[0])
	if m == nil || len([]rune(m[2])) > lim.MaxTargetBytes {
		return false
	}
	p.method, p.target, p.minor = m[1], m[2], m[3]
	for _, line := range lines[1:] {
		m := plainField.FindStringSubmatch(line)
		if m == nil {
			return false
		}
		p.fields = append(p.fields, [2]string{m[1], strings.Trim(m[2], " \t")})
	}
	return p.readTarget() && p.readFields()
}

func (p *plain) values(name string) (values []string) {
	for _, f := range p.fields {
		if strings.EqualFold(f[0], name) {
			values = append(values, f[1])
		}
	}
	return values
}

func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

func (p *plain) readTarget() bool {
	p.authority = last(p.values("host"))
	absolute := plainAbsolute.FindStringSubmatch(p.target)
	switch {
	case p.method == "CONNECT":
		p.form, p.authority = "2", p.target
		port := p.target[strings.LastIndexByte(p.target, ':')+1:]
		return validAuthorityPlain(p.target) && strings.Contains(p.target, ":") && plainDigits.MatchString(port) && strings.Trim(port, "0") != ""
	case p.target[0] == '/':
		p.form = "0"
	case p.target == "*":
		p.form = "3"
		return p.method == "OPTIONS"
	case absolute != nil:
		p.form, p.authority = "1", absolute[1]
		return validAuthorityPlain(p.authority)
	default:
		return false
	}
	return true
}

func (p *plain) readFields() bool {
	hosts, lengths, codings := p.values("host"), p.values("content-length"), p.values("transfer-encoding")
	switch {
	case len(hosts) > 1, p.minor == "1" && len(hosts) == 0:
		return false
	case len(hosts) == 1 && hosts[0] != "" && !validAuthorityPlain(hosts[0]):
		return false
	case len(lengths) > 1, len(codings) > 1, len(lengths)+len(codings) > 1:
		return false
	case len(codings) == 1 && (p.minor == "0" || !strings.EqualFold(codings[0], "chunked")):
		return false
	}
	if len(lengths) == 1 {
		n, err := strconv.ParseUint(lengths[0], 10, 64)
		if err != nil || n > math.MaxInt64 || !plainDigits.MatchString(lengths[0]) {
			return false
		}
		p.length = int(n)
	}
	for _, v := range p.values("expect") {
		if !strings.EqualFold(v, "100-continue") {
			return false
		}
		p.expectation = p.minor == "1"
	}
	p.tokens = map[string]bool{}
	for _, v := range p.values("connection") {
		for item := range strings.SplitSeq(v, ",") {
			p.tokens[strings.ToLower(strings.Trim(item, " \t"))] = true
		}
	}
	p.host, p.chunked = last(hosts), len(codings) == 1
	p.upgradeProtocol, p.encodings = last(p.values("upgrade")), last(p.values("accept-encoding"))
	if traces := p.values("traceparent"); len(traces) == 1 {
		p.traceparent = traces[0]
	}
	return true
}

// describe writes as the describe of a Head does.
func (p *plain) describe() string {
	var s strings.Builder
	q := func(text string) string { return strconv.Quote(unlatin1(text)) }
	fmt.Fprintf(&s, "%s %s %s form %s host %s authority %s", q(p.method), q(p.target), p.minor, p.form, q(p.host), q(p.authority))
	fmt.Fprintf(&s, " length %d chunked %v close %v keep-alive %v upgrade %v continue %v",
		p.length, p.chunked, p.tokens["close"], p.tokens["keep-alive"], p.tokens["upgrade"], p.expectation)
	fmt.Fprintf(&s, " %s %s %s", q(p.upgradeProtocol), q(p.encodings), q(p.traceparent))
	for _, f := range p.fields {
		fmt.Fprintf(&s, " %s=%s", q(f[0]), q(f[1]))
	}
	return s.String()
}

var (
	plainSizeLine = regexp.MustCompile(`^([0-9A-Fa-f]{1,16})(|;` + valueRule + `)$`)
	errPlain      = errors.New("refused")
)

// plainChunked is the twin of Chunked: the body and the trailer that b begins with, and how long they are. complete is
// false if b ends before the body does.
func plainChunked(b []byte, lim Limits) (body, trailer string, n int, complete bool, err error) {
	s := latin1(b)
	total := len(b)
	extensions := 0
	for {
		line, rest, ok := strings.Cut(s, "\r\n")
		if !ok {
			return body, "", 0, false, nil
		}
		m := plainSizeLine.FindStringSubmatch(line)
		if m == nil {
			return body, "", 0, true, errPlain
		}
		size, err := strconv.ParseInt(m[1], 16, 64)
		if extensions += len([]rune(m[2])); err != nil || extensions > maxExtensionBytes {
			return body, "", 0, true, errPlain
		}
		if s = rest; size == 0 {
			break
		}
		data := []rune(s)
		if int64(len(data)) < size {
			return body + unlatin1(s), "", 0, false, nil
		}
		body += unlatin1(string(data[:size]))
		if s = string(data[size:]); !strings.HasPrefix(s, "\r\n") {
			return body, "", 0, len(s) >= 2, errPlain
		}
		s = s[2:]
	}
	trailer, left, complete, err := plainTrailer(s, lim)
	return body, trailer, total - left, complete, err
}

// plainTrailer reads a trailer section; left is how much stands behind it.
func plainTrailer(s string, lim Limits) (trailer string, left int, complete bool, err error) {
	var fields []TrailerField
	var text, rest string
	if after, ok := strings.CutPrefix(s, "\r\n"); ok {
		rest, complete = after, true
	} else {
		text, rest, complete = strings.Cut(s, "\r\n\r\n")
	}
	left = len([]rune(rest))
	if !complete {
		return "", 0, false, nil
	}
	if text != "" {
		lines := strings.Split(text, "\r\n")
		if len(lines) > lim.MaxHeaders || len([]rune(text))+4 > lim.MaxHeaderBytes {
			return "", 0, true, errPlain
		}
		for _, line := range lines {
			m := plainField.FindStringSubmatch(line)
			if m == nil {
				return "", 0, true, errPlain
			}
			if name := canonical(m[1]); !forbiddenTrailer(name) {
				fields = append(fields, TrailerField{name, unlatin1(strings.Trim(m[2], " \t"))})
			}
		}
	}
	return fmt.Sprintf("done %q", fields), left, true, nil
}
