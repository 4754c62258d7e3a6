package spool

import "testing"

func TestF60NetworkFileSystemsAreKnown(t *testing.T) {
	for kind, want := range map[uint32]bool{
		0x6969: true, 0xff534d42: true, 0xfe534d42: true, 0x5346414f: true, 0x01021997: true, // NFS, CIFS, SMB2, AFS, 9P
		0xef53: false, 0x58465342: false, 0x9123683e: false, 0x01021994: false, 0x794c7630: false, // ext4, XFS, btrfs, tmpfs, overlay
	} {
		if got := isNetwork(kind); got != want {
			t.Errorf("%#x: %t", kind, got)
		}
	}
}
