package process

import (
	"fmt"
	"os"
	"os/exec"
)

// Build compiles the Go command pkg of the module in the directory dir to the file out, with env added to the
// environment. The build cache makes it quick from the second time on.
func Build(dir, pkg, out string, env []string, flags ...string) error {
	cmd := exec.Command("go", append(append([]string{"build", "-o", out}, flags...), pkg)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s in %s: %w\n%s", pkg, dir, err, text)
	}
	return nil
}
