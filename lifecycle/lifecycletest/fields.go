package lifecycletest

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/wirespan/wirespan/lifecycle"
)

// Fields are header fields as name and value, in the order of the message.
type Fields [][2]string

var _ lifecycle.Fields = Fields(nil)

// Get implements [lifecycle.Fields].
func (f Fields) Get(name string) string {
	value, _ := f.Next(name, 0)
	return value
}

// Next implements [lifecycle.Fields].
func (f Fields) Next(name string, at int) (value string, after int) {
	for i := at; i < len(f); i++ {
		if strings.EqualFold(f[i][0], name) {
			return f[i][1], i + 1
		}
	}
	return "", -1
}

// All implements [lifecycle.Fields].
func (f Fields) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, field := range f {
			if !yield(field[0], field[1]) {
				return
			}
		}
	}
}

// Clone implements [lifecycle.Fields].
func (f Fields) Clone() lifecycle.Fields {
	c := make(Fields, len(f))
	for i, field := range f {
		c[i] = [2]string{strings.Clone(field[0]), strings.Clone(field[1])}
	}
	return c
}

// agrees checks that the ways to read fields agree, and returns the rule that they break, or "".
func agrees(f lifecycle.Fields) string {
	if f == nil {
		return ""
	}
	values := map[string][]string{}
	for name, value := range f.All() {
		name = strings.ToLower(name)
		values[name] = append(values[name], value)
	}
	values["x-not-in-any-message"] = nil
	for name, want := range values {
		var got []string
		for v, at := f.Next(name, 0); at >= 0 && len(got) <= len(want); v, at = f.Next(name, at) {
			got = append(got, v)
		}
		if !slices.Equal(got, want) {
			return fmt.Sprintf("Next gives the values that All gives, but for the field %s %q, not %q", name, got, want)
		}
		if first := f.Get(name); len(want) > 0 && first != want[0] || len(want) == 0 && first != "" {
			return fmt.Sprintf("Get gives the first of the values %q of the field %s, but %q", want, name, first)
		}
	}
	return ""
}
