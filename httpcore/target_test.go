package httpcore

import (
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/httpcore/internal/http1"
)

// FuzzTarget: a target that is cut without being parsed gives the URL that parsing gives.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{"", "?", "??", "?a=b", "a", "/", "a/b;c=d,e:f@g", "a%20b", "#f", "?#f", "[", "*", "(a)", "\xff", "a?\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, rest string) {
		target := "/" + rest
		if strings.ContainsFunc(target, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			t.Skip("the head's parser lets no such target through")
		}
		var got url.URL
		err := parseTarget(&got, target, http1.OriginForm)
		want, wantErr := url.ParseRequestURI(target)
		if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(&got, want) {
			t.Fatalf("%q: got %#v, %v, want %#v, %v", target, got, err, want, wantErr)
		}
	})
}
