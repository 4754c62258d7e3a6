package spool

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
)

// memoryFiles is a file system in memory. It logs what is done, so that a test can have any prefix of that be all that happened
// before the power was lost, and asks the test before each call.
type memoryFiles struct {
	t *testing.T

	mu       sync.Mutex
	nodes    map[string]*node
	log      []call
	fail     func(c *call) error // may change what is written
	freePart float64             // of memorySize
	next     int
}

const memorySize = 1 << 40

type node struct {
	id     int
	dir    bool
	data   []byte
	locked bool
	bad    bool // a sync failed
}

// call is something that was done, or is about to be.
type call struct {
	what string // mkdir, create, write, truncate, datasync, sync, syncdir, remove, rmdir, open, read
	path string
	id   int
	at   int64
	data []byte
}

func newMemoryFiles(t *testing.T) *memoryFiles {
	return &memoryFiles{t: t, nodes: map[string]*node{"/s": {dir: true}}, freePart: 1}
}

func (m *memoryFiles) do(c call) (call, error) {
	if m.fail != nil {
		if err := m.fail(&c); err != nil {
			return c, err
		}
	}
	if c.what != "open" && c.what != "read" {
		m.log = append(m.log, c)
	}
	return c, nil
}

// count returns how many calls of a kind were done.
func (m *memoryFiles) count(what string) (n int) {
	for _, c := range m.log {
		if c.what == what {
			n++
		}
	}
	return n
}

func (m *memoryFiles) add(what, path string, dir bool) (*node, error) {
	if m.nodes[filepath.Dir(path)] == nil {
		return nil, syscall.ENOENT
	}
	if m.nodes[path] != nil {
		return nil, syscall.EEXIST
	}
	m.next++
	n := &node{id: m.next, dir: dir}
	if _, err := m.do(call{what: what, path: path, id: n.id}); err != nil {
		return nil, err
	}
	m.nodes[path] = n
	return n, nil
}

func (m *memoryFiles) check(string) error { return nil }

func (m *memoryFiles) makeDir(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.add("mkdir", path, true)
	return err
}

func (m *memoryFiles) list(path string) ([]entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.nodes[path] == nil {
		return nil, syscall.ENOENT
	}
	var all []entry
	for _, p := range slices.Sorted(maps.Keys(m.nodes)) {
		if filepath.Dir(p) == path {
			all = append(all, entry{name: filepath.Base(p), dir: m.nodes[p].dir, regular: !m.nodes[p].dir})
		}
	}
	return all, nil
}

func (m *memoryFiles) create(path string) (file, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.add("create", path, false)
	if err != nil {
		return nil, err
	}
	return &memoryFile{files: m, node: n, path: path}, nil
}

func (m *memoryFiles) open(path string) (file, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.nodes[path]
	if n == nil {
		return nil, syscall.ENOENT
	}
	if n.dir {
		return nil, errForeign
	}
	if _, err := m.do(call{what: "open", path: path, id: n.id}); err != nil {
		return nil, err
	}
	return &memoryFile{files: m, node: n, path: path}, nil
}

func (m *memoryFiles) remove(path string) error    { return m.take("remove", path, false) }
func (m *memoryFiles) removeDir(path string) error { return m.take("rmdir", path, true) }

func (m *memoryFiles) take(what, path string, dir bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.nodes[path]
	if n == nil || n.dir != dir {
		return syscall.ENOENT
	}
	for p := range m.nodes {
		if filepath.Dir(p) == path {
			return syscall.ENOTEMPTY
		}
	}
	if _, err := m.do(call{what: what, path: path, id: n.id}); err != nil {
		return err
	}
	delete(m.nodes, path)
	return nil
}

func (m *memoryFiles) syncDir(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.nodes[path] == nil {
		return syscall.ENOENT
	}
	_, err := m.do(call{what: "syncdir", path: path})
	return err
}

func (m *memoryFiles) lock(path string, create bool) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.nodes[path], error(nil)
	if create {
		n, err = m.add("create", path, false)
	}
	switch {
	case err != nil:
		return nil, err
	case n == nil:
		return nil, syscall.ENOENT
	case n.locked:
		return nil, errLocked
	}
	n.locked = true
	return &memoryFile{files: m, node: n, path: path, lock: true}, nil
}

func (m *memoryFiles) free(string) (free, all int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(m.freePart * memorySize), memorySize, nil
}

func (m *memoryFiles) shareMemory(path string, size int) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.add("create", path, false)
	if err != nil {
		return nil, err
	}
	n.data = make([]byte, size)
	return n.data, nil
}

func (m *memoryFiles) unshare([]byte) error { return nil }

// segments returns the paths of all segments.
func (m *memoryFiles) segments() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for _, p := range slices.Sorted(maps.Keys(m.nodes)) {
		if filepath.Ext(p) == segmentSuffix {
			all = append(all, p)
		}
	}
	return all
}

// unlock is what the end of all processes does.
func (m *memoryFiles) unlock() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.nodes {
		n.locked = false
	}
}

type memoryFile struct {
	files  *memoryFiles
	node   *node
	path   string
	lock   bool
	closed bool
}

func (f *memoryFile) begin(c call) (call, error) {
	if f.closed {
		return c, syscall.EBADF
	}
	c.path, c.id = f.path, f.node.id
	return f.files.do(c)
}

func (f *memoryFile) ReadAt(p []byte, at int64) (int, error) {
	f.files.mu.Lock()
	defer f.files.mu.Unlock()
	if _, err := f.begin(call{what: "read", at: at}); err != nil {
		return 0, err
	}
	if at >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes what the test lets pass, and fails when that is not all.
func (f *memoryFile) WriteAt(p []byte, at int64) (int, error) {
	f.files.mu.Lock()
	defer f.files.mu.Unlock()
	c, err := f.begin(call{what: "write", at: at, data: slices.Clone(p)})
	if err != nil {
		return 0, err
	}
	f.node.data = written(f.node.data, at, c.data)
	if len(c.data) < len(p) {
		return len(c.data), syscall.ENOSPC
	}
	return len(p), nil
}

func written(b []byte, at int64, p []byte) []byte {
	if end := at + int64(len(p)); int64(len(b)) < end {
		b = append(b, make([]byte, end-int64(len(b)))...)
	}
	copy(b[at:], p)
	return b
}

func resized(b []byte, size int64) []byte {
	if int64(len(b)) > size {
		return b[:size:size]
	}
	return append(b, make([]byte, size-int64(len(b)))...)
}

func (f *memoryFile) size() (int64, error) {
	f.files.mu.Lock()
	defer f.files.mu.Unlock()
	return int64(len(f.node.data)), nil
}

func (f *memoryFile) truncate(size int64) error {
	f.files.mu.Lock()
	defer f.files.mu.Unlock()
	if _, err := f.begin(call{what: "truncate", at: size}); err != nil {
		return err
	}
	f.node.data = resized(f.node.data, size)
	return nil
}

func (f *memoryFile) dataSync() error { return f.syncBy("datasync") }
func (f *memoryFile) sync() error     { return f.syncBy("sync") }

func (*memoryFile) uncache(int64) {}

func (f *memoryFile) linked() (bool, error) {
	f.files.mu.Lock()
	defer f.files.mu.Unlock()
	return f.files.nodes[f.path] == f.node, nil
}

func (f *memoryFile) syncBy(what string) error {
	f.files.mu.Lock()
	defer f.files.mu.Unlock()
	if f.node.bad {
		f.files.t.Errorf("%s is synced again after that had failed", f.path)
	}
	_, err := f.begin(call{what: what})
	f.node.bad = err != nil
	return err
}

func (f *memoryFile) Close() error {
	f.files.mu.Lock()
	defer f.files.mu.Unlock()
	if f.lock && !f.closed {
		f.node.locked = false
	}
	f.closed = true
	return nil
}

// loss says what the power takes with it of what was not synced.
type loss int

const (
	nothing    loss = iota // as when only the process ends
	everything             // but what was synced
	some                   // at random: writes that are missing or torn, names that are missing
)

// after returns the file system that is left of the calls in log.
func after(t *testing.T, log []call, l loss, random *rand.Rand) *memoryFiles {
	type inode struct {
		dir     bool
		data    []byte
		waiting []call
	}
	inodes := map[int]*inode{}
	names := map[string]int{}
	waiting := map[string][]call{} // changes of names, by directory
	rename := func(c call) {
		if c.what == "mkdir" || c.what == "create" {
			names[c.path] = c.id
		} else {
			delete(names, c.path)
		}
	}
	change := func(n *inode, c call) {
		if c.what == "truncate" {
			n.data = resized(n.data, c.at)
		} else {
			n.data = written(n.data, c.at, c.data)
		}
	}
	for _, c := range log {
		switch c.what {
		case "mkdir", "create":
			inodes[c.id] = &inode{dir: c.what == "mkdir"}
			waiting[filepath.Dir(c.path)] = append(waiting[filepath.Dir(c.path)], c)
		case "remove", "rmdir":
			waiting[filepath.Dir(c.path)] = append(waiting[filepath.Dir(c.path)], c)
		case "write", "truncate":
			inodes[c.id].waiting = append(inodes[c.id].waiting, c)
		case "datasync", "sync":
			for _, w := range inodes[c.id].waiting {
				change(inodes[c.id], w)
			}
			inodes[c.id].waiting = nil
		case "syncdir":
			for _, w := range waiting[c.path] {
				rename(w)
			}
			delete(waiting, c.path)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(inodes)) {
		for _, c := range inodes[id].waiting {
			if c, ok := survives(c, l, random); ok {
				change(inodes[id], c)
			}
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(waiting)) {
		for _, c := range waiting[dir] {
			if l == nothing || l == some && random.IntN(2) == 0 {
				rename(c)
			}
		}
	}
	m := newMemoryFiles(t)
	m.next = 1 << 20
	for path, id := range names {
		m.nodes[path] = &node{id: id, dir: inodes[id].dir, data: inodes[id].data}
	}
	for path := range names { // what is in a directory that is not there
		if d := m.nodes[filepath.Dir(path)]; d == nil {
			delete(m.nodes, path)
		}
	}
	return m
}

func survives(c call, l loss, random *rand.Rand) (call, bool) {
	switch {
	case l == nothing:
		return c, true
	case l == everything:
		return c, false
	}
	switch random.IntN(4) {
	case 0:
		return c, true
	case 1:
		c.data = c.data[:random.IntN(len(c.data)+1)]
		return c, true
	case 2: // the end, but not the beginning
		if n := random.IntN(len(c.data) + 1); c.what == "write" {
			c.at, c.data = c.at+int64(n), c.data[n:]
			return c, true
		}
	}
	return c, false
}

func (c call) String() string {
	return fmt.Sprintf("%s %s at %d, %d bytes", c.what, c.path, c.at, len(c.data))
}
