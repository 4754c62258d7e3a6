package main

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// serveOptions are the flags of serve.
type serveOptions struct {
	serverOptions
	hidden bool
}

func (a *app) serveCommand() *cobra.Command {
	var o serveOptions
	cmd := a.command("serve DIR", "Serve the files of a directory",
		"Serve the files of a directory. Links that lead out of it are not followed.", 1,
		func(_ *cobra.Command, args []string) error {
			return a.serveSite("serve", &o.serverOptions, func(*stage) (*site, error) {
				return fileSite(args[0], o.hidden)
			})
		})
	o.register(cmd.Flags())
	switchSetting(cmd.Flags(), &o.hidden, "hidden", "serve also files whose names begin with a dot")
	return cmd
}

// fileSite serves dir.
func fileSite(dir string, hidden bool) (*site, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, startError("serve the directory "+dir, err)
	}
	name := dir
	if absolute, err := filepath.Abs(dir); err == nil {
		name = absolute
	}
	return &site{
		handler: http.FileServer(&directory{root, hidden}),
		what:    "the directory " + name,
		close:   func() { _ = root.Close() },
	}, nil
}

// directory is an [http.FileSystem] that no path or link leads out of. Its files are *os.File, as
// [http.FileServerFS] would not have them, so that the kernel can send them.
type directory struct {
	root   *os.Root
	hidden bool
}

// Open implements [http.FileSystem].
func (d *directory) Open(name string) (http.File, error) {
	name = strings.Trim(name, "/")
	if name == "" {
		name = "."
	}
	if !d.hidden && isHidden(name) {
		return nil, fs.ErrNotExist
	}
	// Without O_NONBLOCK a named pipe would hold the request until somebody writes to it.
	f, err := d.root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, openError(err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		f.Close()
		return nil, err
	case info.IsDir() && !d.hidden:
		return visibleDirectory{f}, nil
	case !info.IsDir() && !info.Mode().IsRegular():
		f.Close()
		return nil, fs.ErrNotExist
	}
	return f, nil
}

// isHidden reports whether an element of the path begins with a dot: such files hold keys and histories.
// .well-known is there to be served (RFC 8615).
func isHidden(name string) bool {
	for element := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(element, ".") && element != "." && element != ".well-known" {
			return true
		}
	}
	return false
}

// openError makes "not found" of a path that cannot be there: one that leads out of the directory or through a
// file, that is too long or loops. What is wrong with the machine itself stays an error.
func openError(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return err
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		switch errno {
		case syscall.ENOENT, syscall.ENOTDIR, syscall.ELOOP, syscall.ENAMETOOLONG, syscall.EINVAL:
		default:
			return err
		}
	}
	return fs.ErrNotExist
}

// visibleDirectory leaves hidden files out of a listing.
type visibleDirectory struct{ *os.File }

// Readdir implements [http.File].
func (d visibleDirectory) Readdir(n int) ([]fs.FileInfo, error) {
	list, err := d.File.Readdir(n)
	return visible(list, fs.FileInfo.Name), err
}

// ReadDir is what [http.FileServer] prefers.
func (d visibleDirectory) ReadDir(n int) ([]fs.DirEntry, error) {
	list, err := d.File.ReadDir(n)
	return visible(list, fs.DirEntry.Name), err
}

func visible[E any](list []E, name func(E) string) []E {
	kept := list[:0]
	for _, e := range list {
		if !isHidden(name(e)) {
			kept = append(kept, e)
		}
	}
	return kept
}
