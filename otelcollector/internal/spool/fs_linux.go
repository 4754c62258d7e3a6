package spool

import (
	"os"

	"golang.org/x/sys/unix"
)

func (f systemFile) dataSync() error { return f.call("fdatasync", unix.Fdatasync) }

func (f systemFile) uncache(before int64) {
	whole := before &^ int64(os.Getpagesize()-1) // what follows is appended to the rest, which would have to be read for that
	_ = f.call("fadvise", func(fd int) error { return unix.Fadvise(fd, 0, whole, unix.FADV_DONTNEED) })
}

// onNetwork reports whether path is on a file system that other machines share.
func onNetwork(path string) (bool, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return false, err
	}
	return isNetwork(uint32(st.Type)), nil
}

// isNetwork knows the numbers of statfs(2).
func isNetwork(kind uint32) bool {
	const cifs, ceph, ncp, lustre, gfs2, ocfs2 = 0xff534d42, 0x00c36400, 0x564c, 0x0bd00bd0, 0x01161970, 0x7461636f
	switch kind {
	case unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC,
		unix.CODA_SUPER_MAGIC, unix.V9FS_MAGIC, cifs, ceph, ncp, lustre, gfs2, ocfs2:
		return true
	}
	return false
}
