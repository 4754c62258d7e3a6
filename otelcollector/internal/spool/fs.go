package spool

import "io"

// fileSystem is all that the spool asks of the system. The tests have one in memory that fails on request and remembers
// what a loss of power would have left, and one around the real one that kills the process at a given call.
//
// Its errors wrap what the system said, as a syscall.Errno, or match os.ErrNotExist and os.ErrExist.
type fileSystem interface {
	// check makes path a directory, with mode 0700, unless it is one. It fails with a sentence for the operator when others
	// could read or change what is in it, or when it is on another machine.
	check(path string) error
	// makeDir makes a directory with mode 0700.
	makeDir(path string) error
	// list returns what is in a directory. Symbolic links are not followed.
	list(path string) ([]entry, error)
	// create makes a new file, with mode 0600. It fails when there is anything of that name.
	create(path string) (file, error)
	// open opens a regular file that is ours. It fails for anything else, and never waits.
	open(path string) (file, error)
	// remove removes a file.
	remove(path string) error
	// removeDir removes an empty directory.
	removeDir(path string) error
	// syncDir has survive what was created in a directory.
	syncDir(path string) error
	// lock locks the file path until the returned file is closed or the process ends. It fails with errLocked when somebody
	// else has it. With create it makes the file, which must not be there.
	lock(path string, create bool) (io.Closer, error)
	// free returns how many bytes of the file system that path is on we could use, and how many it has in all; 0 and 0 when it does
	// not tell.
	free(path string) (free, all int64, err error)
	// shareMemory makes a new file of the given size and returns its bytes, which outlive the process. The file has all the
	// room on the disk that it needs.
	shareMemory(path string, size int) ([]byte, error)
	// unshare ends the use of what shareMemory returned. The file stays.
	unshare(memory []byte) error
}

// file is a regular file. Its methods may be called by several goroutines at once; after Close they fail.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	size() (int64, error)
	truncate(size int64) error
	// dataSync has survive what was written. After it has failed nobody knows what did, and it is not called again.
	dataSync() error
	// sync is dataSync for the times of the file, too.
	sync() error
	// uncache has the system keep in memory no longer what is before an offset and safe on the disk. It need not.
	uncache(before int64)
	// linked reports whether it has a name: without one it ends with the process.
	linked() (bool, error)
}

// entry is a name in a directory.
type entry struct {
	name    string
	dir     bool
	regular bool
}
