package testbed

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build builds programs of this repository into dir, master as uhd-master and supervisor as uhd-supervisor.
func Build(dir string, programs ...string) error {
	for _, program := range programs {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, "uhd-"+program), "github.com/uhdadmin/media-gateway/"+program)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", program, err, out)
		}
	}
	return nil
}
