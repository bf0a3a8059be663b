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

// Document is one encoded api.Config. Thousands of groups have one each, so it is kept as slaves ask for it,
// compressed; other forms are made of that.
type Document struct {
	Gzip []byte

	zstd    func() []byte                           // made once
	streams func() map[string]api.ConcurrentStreams // by media server
}

func newDocument(body []byte) *Document { return keep(compress(body)) }

// openDocument returns the document whose gzip form was stored.
func openDocument(compressed []byte) (*Document, error) {
	if _, err := decompress(compressed); err != nil {
		return nil, err
	}
	return keep(compressed), nil
}

func keep(compressed []byte) *Document {
	d := &Document{Gzip: compressed}
	d.zstd, d.streams = d.lazyZstd(), d.lazyStreams()
	return d
}

// JSON returns the document as it was sealed, made anew at each call.
func (d *Document) JSON() []byte {
	body, err := decompress(d.Gzip)
	if err != nil { // it could be read when d was made
		panic(err)
	}
	return body
}

// Zstd returns the document compressed with zstd.
func (d *Document) Zstd() []byte { return d.zstd() }

func decompress(compressed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return body, nil
}

func compress(body []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(body) // into memory: cannot fail
	_ = w.Close()
	return b.Bytes()
}

// lazyZstd compresses when a slave first asks for it.
func (d *Document) lazyZstd() func() []byte {
	return sync.OnceValue(func() []byte {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		if err != nil { // only for bad options
			panic(err)
		}
		return w.EncodeAll(d.JSON(), nil)
	})
}
