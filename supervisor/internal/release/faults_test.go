package release_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/uhdadmin/media-gateway/supervisor/internal/release"
)

// big needs more than any of the faults leaves.
var big = strings.Repeat("# a line of a configuration that is large\n", 1<<14)

// stageOnce opens the store first and stages under the fault that STAGE_FAULT names; it prints the error.
func stageOnce(root string) {
	s, err := release.Open(config(root))
	exitOn(err)
	switch os.Getenv("STAGE_FAULT") {
	case "EFBIG":
		limit := unix.Rlimit{Cur: 4096, Max: 4096}
		exitOn(unix.Setrlimit(unix.RLIMIT_FSIZE, &limit))
	case "EMFILE":
		limit := unix.Rlimit{Cur: 3, Max: 3}
		exitOn(unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
	case "EACCES":
		exitOn(os.Chmod(filepath.Join(root, "releases"), 0o755))
		exitOn(syscall.Setuid(65534))
	}
	_, err = s.Stage(context.Background(), payload(&testing.T{}, 2, big))
	fmt.Println(err)
	os.Exit(0)
}

// stageUnder runs stageOnce in a process of its own, over a store that has a release already.
func stageUnder(t *testing.T, root, fault string) string {
	t.Helper()
	serveFirst(t, root)
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), "STAGE_ONCE="+root, "STAGE_FAULT="+fault)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func serveFirst(t *testing.T, root string) {
	t.Helper()
	s := open(t, config(root))
	rel := stage(t, s, payload(t, 1, "server {}\n"))
	if err := errors.Join(s.Commit(rel), s.MarkProven(rel), s.Close()); err != nil {
		t.Fatal(err)
	}
}

// requireUntouched: the fault left the first release as it was, and nothing beside it.
func requireUntouched(t *testing.T, root string) {
	t.Helper()
	s := open(t, config(root))
	current, err := s.Current()
	if err != nil || current.Version != 1 {
		t.Fatalf("Current = %+v, %v, want version 1", current, err)
	}
	if changed, err := current.Changed(); err != nil || len(changed) > 0 {
		t.Errorf("Changed = %v, %v", changed, err)
	}
}

func requireNoTemp(t *testing.T, root string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, "releases"))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("releases/ holds %d entries, want the first release only", len(entries))
	}
}

func TestStageUnderLimits(t *testing.T) {
	needRoot(t)
	for fault, want := range map[string]string{
		"EFBIG":  "file too large: raise the limit on file sizes (ulimit -f)",
		"EACCES": "permission denied: let user 65534 write under SLAVE_ROOT",
		"EMFILE": "too many open files",
	} {
		t.Run(fault, func(t *testing.T) {
			root := readableDir(t)
			if got := stageUnder(t, root, fault); !strings.Contains(got, want) {
				t.Errorf("error = %s, want %s", got, want)
			}
			requireNoTemp(t, root)
			requireUntouched(t, root)
		})
	}
}

func TestStageOnFullDisk(t *testing.T) {
	root := mount(t, "tmpfs", "size=512k")
	serveFirst(t, root)
	s := open(t, config(root))
	_, err := s.Stage(t.Context(), payload(t, 2, big))
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "free space under SLAVE_ROOT") {
		t.Errorf("Stage = %v, want ENOSPC with its cure", err)
	}
	requireNoTemp(t, root)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	requireUntouched(t, root)
}

// TestBootOnFullDisk: a slave whose disk has filled up starts again, and serves what it has.
func TestBootOnFullDisk(t *testing.T) {
	root := mount(t, "tmpfs", "size=256k")
	serveFirst(t, root)
	fill(t, filepath.Join(root, "spool", "filler"))
	s := open(t, config(root))
	rel, err := s.Load(s.Proven()[0].Hash)
	if err != nil {
		t.Fatal(err)
	}
	if rel, err = s.Refresh(t.Context(), rel); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(rel); err != nil {
		t.Error(err)
	}
}

func TestStageOnReadOnlyDisk(t *testing.T) {
	root := mount(t, "tmpfs", "")
	serveFirst(t, root)
	s := open(t, config(root))
	if err := unix.Mount("none", root, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		// The lock file is open for writing: the kernel refuses, as it would on a real disk, until it
		// finds errors. Immutable folders behave alike.
		setImmutable(t, filepath.Join(root, "releases"))
	}
	_, err := s.Stage(t.Context(), payload(t, 2, big))
	if !errors.Is(err, syscall.EROFS) && !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Stage = %v, want EROFS or EPERM", err)
	}
	if err == nil || !strings.Contains(err.Error(), "write under SLAVE_ROOT") {
		t.Errorf("Stage = %v, want its cure", err)
	}
}

// TestStageOnFailingDisk: a disk that cannot store what it took says so at fsync, with EIO or, from newer
// loop devices, with the reason that they have.
func TestStageOnFailingDisk(t *testing.T) {
	root, fail := failingDisk(t)
	serveFirst(t, root)
	s := open(t, config(root))
	fail()
	_, err := s.Stage(t.Context(), payload(t, 2, big))
	if err == nil {
		t.Fatal("Stage on a failing disk went well")
	}
	if !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Stage = %v, want EIO or ENOSPC", err)
	}
	if current, err := s.Current(); err != nil || current.Version != 1 {
		t.Errorf("Current = %+v, %v", current, err)
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

// readableDir is a directory that other users can enter, unlike t.TempDir.
func readableDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func mount(t *testing.T, fstype, options string) string {
	t.Helper()
	needRoot(t)
	dir := t.TempDir()
	if err := unix.Mount("none", dir, fstype, 0, options); err != nil {
		t.Skipf("mount %s: %v", fstype, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func setImmutable(t *testing.T, dir string) {
	t.Helper()
	if out, err := exec.Command("chattr", "+i", dir).CombinedOutput(); err != nil {
		t.Skipf("chattr: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("chattr", "-i", dir).Run() })
}

// failingDisk is an ext4 in a sparse file on a small tmpfs; fail fills that, so that the disk has no
// place for blocks that were never written.
func failingDisk(t *testing.T) (dir string, fail func()) {
	t.Helper()
	backing := mount(t, "tmpfs", "size=12m")
	image := filepath.Join(backing, "disk")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 64<<20); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for _, args := range [][]string{
		{"mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-E", "nodiscard", image},
		{"mount", "-o", "loop,errors=continue", image, dir},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%s: %v: %s", args[0], err, out)
		}
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
	return dir, func() { fill(t, filepath.Join(backing, "filler")) }
}

// fill writes path until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
