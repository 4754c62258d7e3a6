package main

import (
	"bytes"
	"embed"
	"os"
	"path/filepath"
)

const (
	kibibyte = 1 << 10
	mebibyte = 1 << 20
)

// What wrk is told to do other than a GET at a time.
const (
	pipelineScript = "pipeline.lua"
	uploadScript   = "upload.lua"
)

//go:embed pipeline.lua upload.lua
var scripts embed.FS

// staticFile is the file of 1 MiB that file servers serve.
const staticFile = "1MiB.bin"

// newWorkspace makes the directory with the files that a run needs: wrk's scripts, and what file servers serve. Who made it removes it.
func newWorkspace() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return "", err
	}
	if err = os.CopyFS(dir, scripts); err == nil {
		err = os.WriteFile(filepath.Join(dir, staticFile), bytes.Repeat([]byte("x"), mebibyte), 0o644)
	}
	if err != nil {
		os.RemoveAll(dir)
		return "", err
	}
	return dir, nil
}
