package spool

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// entryLine is a line with a number, of some 100 bytes.
func entryLine(n int) string {
	return fmt.Sprintf(`{"timestamp":%d,"uri":"/\"%d\"","user_agent":"%s"}`+"\n", n+1, n, strings.Repeat("x", 60))
}

func next(t testing.TB, r *Reader) Batch {
	t.Helper()
	b, err := r.Next(t.Context())
	testbed.Must(t, err)
	return b
}

// TestReadOnce: readers that are abreast get the same lines, not copies; one that is behind reads for itself, the
// others' lines stay as they are meanwhile, and it joins them.
func TestReadOnce(t *testing.T) {
	b := newBench(t, Config{})
	front, beside, behind := b.Follow(Access, "front", Position{}), b.Follow(Access, "beside", Position{}), b.Follow(Access, "behind", Position{})
	same := func(x, y Batch) bool {
		return &x.Lines[0].Text[0] == &y.Lines[0].Text[0] && x.Lines[0].Entry == y.Lines[0].Entry
	}
	n, last := 0, Batch{}
	for range 3 * shelved {
		var text strings.Builder
		for text.Len() < readSize {
			text.WriteString(entryLine(n))
			n++
		}
		b.write(t, text.String())
		if last = next(t, front); !same(last, next(t, beside)) {
			t.Fatal("two readers abreast read twice")
		}
	}
	held := string(last.Lines[0].Text)
	read, joined := 0, false
	for read < n {
		got := next(t, behind)
		for _, line := range got.Lines {
			if want := fmt.Sprintf(`/"%d"`, read); line.Entry == nil || string(line.Entry.URI) != want {
				t.Fatalf("line %d: %s", read, line.Text)
			}
			read++
		}
		joined = joined || same(got, last)
	}
	if !joined {
		t.Error("the one behind has not joined")
	}
	if string(last.Lines[0].Text) != held {
		t.Error("lines that are held have changed")
	}
}

// TestManyReaders, each as it comes: all read all, in order.
func TestManyReaders(t *testing.T) {
	const readers, lines = 5, 30_000
	b := newBench(t, Config{})
	var running sync.WaitGroup
	for i := range readers {
		r := b.Follow(Access, fmt.Sprint(i), Position{})
		running.Go(func() {
			for read := 0; read < lines; {
				got, err := r.Next(t.Context())
				if err != nil {
					t.Errorf("after %d lines: %v", read, err)
					return
				}
				for _, line := range got.Lines {
					if line.Entry == nil || line.Entry.Timestamp != float64(read+1) || string(line.Entry.URI) != fmt.Sprintf(`/"%d"`, read) {
						t.Errorf("line %d: %s", read, line.Text)
						return
					}
					read++
				}
				r.Done(got.To)
			}
		})
	}
	for n := 0; n < lines; n += 300 {
		var text strings.Builder
		for i := range 300 {
			text.WriteString(entryLine(n + i))
		}
		b.write(t, text.String())
		testbed.Must(t, b.look())
		if n%9000 == 0 {
			b.rotate(t)
		}
	}
	ended := make(chan struct{})
	go func() { running.Wait(); close(ended) }()
	testbed.Eventually(t, "all have read", func() bool {
		testbed.Must(t, b.look())
		select {
		case <-ended:
			return true
		default:
			return false
		}
	})
	if n := len(b.access.shelf.blocks) + len(b.access.shelf.spare); n > shelved+2*readers {
		t.Errorf("%d blocks in memory", n)
	}
}
