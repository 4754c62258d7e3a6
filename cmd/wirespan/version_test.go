package main

import (
	"bytes"
	"testing"
)

func TestVersion(t *testing.T) {
	v := versionInfo{Version: "v1.2.3", Commit: "0123456789abcdef0123", Modified: true, Go: "go1.26", OS: "linux", Arch: "amd64"}
	for _, c := range []struct {
		json bool
		want string
	}{
		{false, "wirespan v1.2.3 0123456789ab (modified)\ngo1.26 linux/amd64\n"},
		{true, "{\n  \"version\": \"v1.2.3\",\n  \"commit\": \"0123456789abcdef0123\",\n  \"modified\": true,\n  \"go\": \"go1.26\",\n  \"os\": \"linux\",\n  \"arch\": \"amd64\"\n}\n"},
	} {
		var out bytes.Buffer
		if err := writeVersion(&out, v, versionOptions{c.json}); err != nil || out.String() != c.want {
			t.Errorf("got %q, %v, want %q", &out, err, c.want)
		}
	}
}
