package otlpenv_test

import (
	"testing"

	"github.com/wirespan/wirespan/internal/otlpenv"
)

func TestWrongHeader(t *testing.T) {
	for list, want := range map[string]int{
		"":                                0,
		"api-key=secret":                  0,
		" api-key = secret , x-y=a%20b":   0,
		"empty=":                          0,
		"authorization=Basic%20dXNlcjpw,": 0,
		"a=b=c":                           0,
		"secret":                          1,
		"a=b,secret":                      2,
		"a=b,,secret":                     3,
		"a=%zz":                           1,
		"a=%0asecret":                     1,
		"api key=s":                       1,
		"a=b,=secret":                     2,
		"ä=b":                             1,
	} {
		if got := otlpenv.WrongHeader(list); got != want {
			t.Errorf("%q: entry %d is wrong, want %d", list, got, want)
		}
	}
}
