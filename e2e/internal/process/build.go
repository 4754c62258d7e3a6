package process

import (
	"fmt"
	"os/exec"
	"path/filepath"
)

// Build compiles the Go command pkg of the module in directory dir to the file out. The build cache makes it quick
// from the second time on.
func Build(dir, pkg, out string, flags ...string) error {
	args := append([]string{"build", "-o", out}, flags...)
	cmd := exec.Command("go", append(args, pkg)...)
	cmd.Dir = filepath.FromSlash(dir)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s in %s: %w\n%s", pkg, dir, err, text)
	}
	return nil
}
