package httpcore

import (
	"bytes"
	"os"
)

// migrateSetting says whether the kernel gives what waits at a socket that is closed to the others that share its port
// (since Linux 5.14; ip-sysctl in the kernel's documentation).
const migrateSetting = "/proc/sys/net/ipv4/tcp_migrate_req"

// migrationHint returns what is to be said to whoever shares a port; "" when all is well, or nothing is known.
func migrationHint(setting string) string {
	value, err := os.ReadFile(setting)
	if err == nil && bytes.Equal(bytes.TrimSpace(value), []byte("0")) {
		return "connections that are being opened while another process closes its socket of the port are reset: " +
			"sysctl net.ipv4.tcp_migrate_req=1 has them go on"
	}
	return ""
}
