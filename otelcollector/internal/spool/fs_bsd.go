//go:build darwin || freebsd || dragonfly

package spool

import "golang.org/x/sys/unix"

// dataSync is sync: only Linux has a call that leaves the times alone.
func (f systemFile) dataSync() error { return f.Sync() }

func (systemFile) uncache(int64) {} // only Linux takes advice about files

// onNetwork reports whether path is on a file system that other machines share.
func onNetwork(path string) (bool, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return false, err
	}
	return uint64(st.Flags)&unix.MNT_LOCAL == 0, nil
}
