package httpcore

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestMigrationHint(t *testing.T) {
	setting := filepath.Join(t.TempDir(), "tcp_migrate_req")
	if got := migrationHint(setting); got != "" {
		t.Errorf("where nothing is known: %q", got)
	}
	writeFile(t, setting, []byte("1\n"))
	if got := migrationHint(setting); got != "" {
		t.Errorf("where it is on: %q", got)
	}
	writeFile(t, setting, []byte("0\n"))
	if got := migrationHint(setting); !strings.Contains(got, "sysctl net.ipv4.tcp_migrate_req=1") {
		t.Errorf("where it is off: %q", got)
	}
}
