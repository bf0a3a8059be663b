package app

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWarnClosed names the folder that workers cannot enter, and the cure.
func TestWarnClosed(t *testing.T) {
	top, err := os.MkdirTemp("", "uhd") // not t.TempDir, which is closed itself
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(top) })
	root := filepath.Join(top, "a", "b")
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	a := &App{log: slog.New(slog.NewTextHandler(&log, nil))}
	if err := os.Chmod(top, 0o755); err != nil {
		t.Fatal(err)
	}
	if a.warnClosed(root); log.Len() > 0 {
		t.Errorf("open folders: %s", log.String())
	}
	closed := filepath.Dir(root)
	if err := os.Chmod(closed, 0o750); err != nil {
		t.Fatal(err)
	}
	a.warnClosed(root)
	for _, want := range []string{"folder=" + closed + " ", "NGINX_USER", "chmod o+x"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("log lacks %q: %s", want, log.String())
		}
	}
}
