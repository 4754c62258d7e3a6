package statsd

import "strings"

// Tag is a tag of a metric: "key:value", or "key" alone when Value is empty. One without a key is left out.
type Tag struct{ Key, Value string }

// ParseTags takes tags apart that are written as in a line: "key:value,key".
func ParseTags(s string) []Tag {
	var tags []Tag
	for t := range strings.SplitSeq(s, ",") {
		if key, value, _ := strings.Cut(t, ":"); key != "" {
			tags = append(tags, Tag{Key: key, Value: value})
		}
	}
	return tags
}

// appendSafe appends s with an underscore for each byte that has a meaning in a line or is not printable ASCII.
func appendSafe(dst []byte, s string) []byte { return appendReplaced(dst, s, &unsafeInName) }

// appendSafeValue is appendSafe for the value of a tag, in which a colon says nothing any more.
func appendSafeValue(dst []byte, s string) []byte { return appendReplaced(dst, s, &unsafeInValue) }

func appendReplaced(dst []byte, s string, replace *[256]bool) []byte {
	from := len(dst)
	dst = append(dst, s...)
	for i, b := range dst[from:] {
		if replace[b] {
			dst[from+i] = '_'
		}
	}
	return dst
}

var unsafeInName, unsafeInValue = separators(":|@#,"), separators("|@#,")

// separators marks the bytes of s, and all that are not printable ASCII.
func separators(s string) (marked [256]bool) {
	for b := range marked {
		marked[b] = b <= ' ' || b > '~'
	}
	for i := range len(s) {
		marked[s[i]] = true
	}
	return marked
}

// appendTags appends tags to what may hold some already.
func appendTags(dst []byte, first bool, tags []Tag) []byte {
	for _, t := range tags {
		if t.Key == "" {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendSafe(dst, t.Key)
		if t.Value != "" {
			dst = append(dst, ':')
			dst = appendSafeValue(dst, t.Value)
		}
	}
	return dst
}
