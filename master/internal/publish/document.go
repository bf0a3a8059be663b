package publish

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// Document is one encoded api.Config in the forms in which slaves ask for it. Each is made once.
type Document struct {
	JSON []byte
	Gzip []byte
	Zstd func() []byte

	streams func() map[string]api.ConcurrentStreams // by media server
}

func newDocument(body []byte) *Document {
	return &Document{body, compress(body), lazyZstd(body), lazyStreams(body)}
}

// openDocument returns the document whose gzip form was stored.
func openDocument(compressed []byte) (*Document, error) {
	r, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return &Document{body, compressed, lazyZstd(body), lazyStreams(body)}, nil
}

func compress(body []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(body) // into memory: cannot fail
	_ = w.Close()
	return b.Bytes()
}

// lazyZstd compresses when a slave first asks for it.
func lazyZstd(body []byte) func() []byte {
	return sync.OnceValue(func() []byte {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		if err != nil { // only for bad options
			panic(err)
		}
		return w.EncodeAll(body, nil)
	})
}
