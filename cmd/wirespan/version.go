package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker: -ldflags "-X main.version=v1.2.3".
var version string

// versionInfo is what a build knows of itself.
type versionInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"` // built with changes that are not in the commit
	Time     string `json:"time,omitempty"`     // of the commit
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

func versionOf() versionInfo {
	v := versionInfo{Version: version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if v.Version == "" {
		v.Version = build.Main.Version
	}
	for _, s := range build.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		case "vcs.time":
			v.Time = s.Value
		}
	}
	return v
}

// String returns the version, and the commit where it is known.
func (v versionInfo) String() string {
	s := or(v.Version, "(devel)")
	if len(v.Commit) >= 12 {
		s += " " + v.Commit[:12]
	}
	if v.Modified {
		s += " (modified)"
	}
	return s
}

type versionOptions struct{ json bool }

func (a *app) versionCommand() *cobra.Command {
	var o versionOptions
	cmd := a.command("version", "Say which version this is", "", 0, func(cmd *cobra.Command, _ []string) error {
		return writeVersion(a.stdout, versionOf(), o)
	})
	switchSetting(cmd.Flags(), &o.json, "json", "write JSON")
	return cmd
}

func writeVersion(w io.Writer, v versionInfo, o versionOptions) error {
	if o.json {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
	_, err := fmt.Fprintf(w, "wirespan %s\n%s %s/%s\n", v, v.Go, v.OS, v.Arch)
	return err
}
