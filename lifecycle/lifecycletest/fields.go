package lifecycletest

import (
	"iter"
	"strings"

	"github.com/wirespan/wirespan/lifecycle"
)

// Fields are header fields as name and value, in the order of the message.
type Fields [][2]string

var _ lifecycle.Fields = Fields(nil)

// Get implements [lifecycle.Fields].
func (f Fields) Get(name string) string {
	for _, field := range f {
		if strings.EqualFold(field[0], name) {
			return field[1]
		}
	}
	return ""
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
