package nethttp

import (
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/wirespan/wirespan/lifecycle"
)

// fields are header fields as they were at one moment: a handler may change its maps while a collector reads.
type fields struct{ list []field }

type field struct{ name, value string }

var _ lifecycle.Fields = (*fields)(nil)

// maxPooledFields is the longest list that goes back to the pool.
const maxPooledFields = 64

var fieldLists = sync.Pool{New: func() any { return new(fields) }}

// fieldsOf returns the fields of h, and Host before them where there is one. putFields takes them back.
func fieldsOf(host string, h http.Header) *fields {
	f := fieldLists.Get().(*fields)
	if host != "" {
		f.list = append(f.list, field{"Host", host})
	}
	for name, values := range h {
		for _, v := range values {
			f.list = append(f.list, field{name, v})
		}
	}
	return f
}

func putFields(f *fields) {
	if f == nil || cap(f.list) > maxPooledFields {
		return
	}
	clear(f.list)
	f.list = f.list[:0]
	fieldLists.Put(f)
}

// Get implements [lifecycle.Fields].
func (f *fields) Get(name string) string {
	value, _ := f.Next(name, 0)
	return value
}

// Next implements [lifecycle.Fields].
func (f *fields) Next(name string, at int) (value string, after int) {
	for i := at; i < len(f.list); i++ {
		if strings.EqualFold(f.list[i].name, name) {
			return f.list[i].value, i + 1
		}
	}
	return "", -1
}

// All implements [lifecycle.Fields].
func (f *fields) All() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for _, field := range f.list {
			if !yield(field.name, field.value) {
				return
			}
		}
	}
}

// Clone implements [lifecycle.Fields].
func (f *fields) Clone() lifecycle.Fields { return &fields{slices.Clone(f.list)} }
