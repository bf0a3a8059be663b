package slaveapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxBatch bounds a batch of telemetry, as sent and as decoded, in bytes. Slaves of ours send at most
// 1 MB before compression.
const maxBatch = 8 << 20

// batchDecoder decodes whole bodies, many at once; one that says it is larger than maxBatch, or is, ends in
// an error.
var batchDecoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxBatch), zstd.WithDecoderConcurrency(0))
	if err != nil { // of options only
		panic(err)
	}
	return d
})

var errLongBatch = errors.New("too long")

// batchBody is memory for a batch, as sent and as decoded: some megabytes, several times a second.
type batchBody struct{ sent, plain bytes.Buffer }

var batchBodies = sync.Pool{New: func() any { return new(batchBody) }}

func (b *batchBody) release() {
	if b.sent.Cap()+b.plain.Cap() <= 4<<20 { // an unusual one is not kept
		batchBodies.Put(b)
	}
}

// read returns the request's body without its Content-Encoding: zstd, gzip or none. It is good until
// release.
func (b *batchBody) read(r *http.Request) ([]byte, error) {
	b.sent.Reset()
	b.plain.Reset()
	err := fill(&b.sent, r.Body)
	if err == nil {
		switch strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))) {
		case "", "identity":
			return b.sent.Bytes(), nil
		case "gzip":
			err = b.gunzip()
		case "zstd":
			err = b.unzstd()
		default:
			return nil, problem(http.StatusUnsupportedMediaType, "Content-Encoding takes zstd, gzip or nothing")
		}
	}
	switch {
	case errors.Is(err, errLongBatch), errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return nil, problem(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body takes at most %d bytes, decoded too: send fewer entries", maxBatch))
	case err != nil:
		return nil, problem(http.StatusBadRequest, "the body cannot be read: "+err.Error())
	}
	return b.plain.Bytes(), nil
}

func (b *batchBody) gunzip() error {
	z, err := gzip.NewReader(&b.sent)
	if err != nil {
		return err
	}
	return fill(&b.plain, z)
}

func (b *batchBody) unzstd() error {
	plain, err := batchDecoder().DecodeAll(b.sent.Bytes(), b.plain.AvailableBuffer())
	if err != nil {
		return err
	}
	if len(plain) > maxBatch {
		return errLongBatch
	}
	b.plain = *bytes.NewBuffer(plain)
	return nil
}

// fill reads at most maxBatch bytes.
func fill(dst *bytes.Buffer, r io.Reader) error {
	n, err := dst.ReadFrom(io.LimitReader(r, maxBatch+1))
	if err == nil && n > maxBatch {
		err = errLongBatch
	}
	return err
}
