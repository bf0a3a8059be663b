package usage

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/uhdadmin/media-gateway/supervisor/internal/durable"
)

// slaveID returns the name of this SLAVE_ROOT's counters, drawn once: slaves that share a Redis, or a token,
// keep theirs apart. With an error it is one that the next start will not know.
func slaveID(path string) (string, error) {
	b, err := os.ReadFile(path)
	if id := strings.TrimSpace(string(b)); err == nil && id != "" {
		return id, nil
	}
	id := strings.ToLower(rand.Text())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return id, fmt.Errorf("read the slave's id: %w", durable.Cured(err))
	}
	if err := durable.WriteFile(path, []byte(id+"\n"), 0o600); err != nil {
		return id, fmt.Errorf("note the slave's id: %w", err)
	}
	return id, nil
}
