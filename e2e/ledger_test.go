package e2e_test

import (
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// ledger is what a process has counted in its spool directory, in a page that outlives it: all that is known of one that was
// killed. See otelcollector/internal/spool/ledger.go.
type ledger struct{ ended, acked, dropped, spooled uint64 }

// lost returns how many spans died with the process.
func (l ledger) lost() uint64 { return l.ended - l.acked - l.dropped - l.spooled }

// openLedger opens that of an instance, so that it can be read even when somebody has adopted the instance, and removed it.
func openLedger(t *testing.T, instance string) *os.File {
	t.Helper()
	file, err := os.Open(filepath.Join(instance, "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() }) // it was only read
	return file
}

func readLedger(t *testing.T, file *os.File) ledger {
	t.Helper()
	page, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	const size, slot = 4096, 64
	if len(page) != size || string(page[:8]) != "WLEDGER1" {
		t.Fatalf("not a ledger: %d bytes, %q", len(page), page[:min(len(page), 8)])
	}
	var sum ledger
	for at := slot; at < size; at += slot {
		for i, n := range []*uint64{&sum.ended, &sum.acked, &sum.dropped, &sum.spooled} {
			*n += binary.NativeEndian.Uint64(page[at+8*i:])
		}
	}
	return sum
}

// isAdopted reports whether somebody has counted what is in the ledger of an instance that is dead.
func isAdopted(t *testing.T, instance string) bool {
	t.Helper()
	_, err := os.Stat(filepath.Join(instance, "ledger"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return err != nil
}
