package e2e_test

import (
	"os"
	"path/filepath"
	"testing"
)

// writeFile writes a file that lasts as long as the test, and returns its path.
func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
