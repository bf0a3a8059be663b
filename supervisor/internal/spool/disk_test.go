package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// tinyDisk is a file system of its own with that much room.
func tinyDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("SKIPPED: mount tmpfs: %v", err)
	}
	t.Cleanup(func() { testbed.Must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

// fill leaves no room on the disk that dir is on, until free is called.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	ballast := filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	testbed.Must(t, err)
	page := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(page)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	testbed.Must(t, f.Close())
	return func() { testbed.Must(t, os.Remove(ballast)) }
}

// TestFullDisk: on a full disk nothing stops. What nginx could write is read, usage that does not fit is
// refused whole, segments that are done with go, and their numbers are not given again.
func TestFullDisk(t *testing.T) {
	disk := tinyDisk(t, "128k")
	b := &bench{dir: filepath.Join(disk, "spool"), state: filepath.Join(disk, "state.json")}
	testbed.Must(t, os.Mkdir(b.dir, 0o755))
	cfg := Config{MaxBytes: 64 << 10}
	b.reopen(t, cfg)
	access, usage := b.Follow(Access, "c", Position{}), b.Follow(Usage, "c", Position{})
	b.write(t, "1\n2\n")
	testbed.Must(t, b.Append([]byte("u1\n")))
	free := fill(t, disk)

	// nginx writes what fits of its buffer, and forgets the rest of it.
	line := strings.Repeat("x", 5000) + "\n"
	if n, err := b.log.WriteString(line); err == nil || n == 0 {
		t.Fatalf("%d bytes, %v: the disk is not full", n, err)
	}
	if err := b.Append([]byte(line)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("append on a full disk: %v", err)
	}
	want(t, usage, 0, "u1")
	want(t, access, 0, "1", "2")
	testbed.Must(t, b.log.Close())
	b.log = nil // the rename needs no room, a new log does
	b.mu.Lock()
	testbed.Must(t, errors.Join(b.survey(b.access), b.Spool.rotate(b.access)))
	b.mu.Unlock()
	number := b.access.live
	_ = b.look() // says that it is full
	got, lost := read(t, access)
	if len(got) != 1 || !strings.HasPrefix(line, got[0]) || lost != 0 {
		t.Errorf("%.40q, lost %d", got, lost)
	}
	if b.access.saved >= number {
		t.Fatal("the number is on disk: the disk was not full")
	}
	b.mu.Lock()
	testbed.Must(t, b.remove(b.access, b.access.segments[0])) // as it is dropped, or done with
	b.mu.Unlock()
	if info, err := os.Stat(filepath.Join(b.dir, segmentName(Access, 1))); err != nil && b.access.saved < number {
		t.Errorf("the segment is gone while nothing else keeps its number: %v", err)
	} else if err == nil && info.Size() != 0 {
		t.Errorf("it takes %d bytes still", info.Size())
	}

	b.reopen(t, cfg) // a restart in the middle of it
	if b.access.live < number {
		t.Errorf("number %d is given again, it was %d", b.access.live, number)
	}
	free()
	access, usage = b.Follow(Access, "c", Position{1, 5004}), b.Follow(Usage, "c", Position{1, 3})
	testbed.Must(t, b.Append([]byte("u2\n")))
	want(t, usage, 0, "u2")
	b.write(t, "3\n")
	for range 3 {
		testbed.Must(t, b.look())
	}
	want(t, access, 0, "3")
	if _, err := os.Stat(filepath.Join(b.dir, segmentName(Access, 1))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the empty segment is there still: %v", err)
	}
}

// TestBrokenDisk: a folder that does not read is said, once, and looked at again.
func TestBrokenDisk(t *testing.T) {
	b := newBench(t, Config{})
	r := b.Follow(Access, "c", Position{})
	b.write(t, "1\n")
	want(t, r, 0, "1")
	aside := b.dir + ".aside"
	testbed.Must(t, os.Rename(b.dir, aside))
	for range 3 {
		b.report(b.look())
	}
	if st := b.Status(); st.LastError == "" {
		t.Error("nothing is said")
	}
	testbed.Must(t, os.Rename(aside, b.dir))
	b.write(t, "2\n")
	b.report(b.look())
	want(t, r, 0, "2")
	if st := b.Status(); st.LastError != "" {
		t.Error(st.LastError)
	}
}
