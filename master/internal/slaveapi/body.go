package slaveapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Bounds of bodies, in bytes, as sent and decoded.
const (
	maxBody      = 64 << 10
	maxLargeBody = 16 << 20 // lists: 20,000 sessions, 5,000 counters
)

// readBody decodes a JSON body. Members that are not known are let through: slaves may be newer.
func readBody(w http.ResponseWriter, r *http.Request, into any) error {
	return readUpTo(maxBody, w, r, into)
}

// readLargeBody is readBody of a list.
func readLargeBody(w http.ResponseWriter, r *http.Request, into any) error {
	return readUpTo(maxLargeBody, w, r, into)
}

func readUpTo(limit int64, w http.ResponseWriter, r *http.Request, into any) error {
	tooLarge := problem(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body takes at most %d bytes", limit))
	decoded, err := decode(r.Header.Get("Content-Encoding"), http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		return err
	}
	defer func() { _ = decoded.Close() }()
	body, err := io.ReadAll(io.LimitReader(decoded, limit+1))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok || int64(len(body)) > limit {
		return tooLarge
	}
	if err != nil {
		return problem(http.StatusBadRequest, "the body ended early, or is not what Content-Encoding says: "+err.Error())
	}
	if err := json.Unmarshal(body, into); err != nil {
		return problem(http.StatusBadRequest, "the body takes a JSON object: "+err.Error())
	}
	return nil
}

// decode undoes a content coding, within bounded memory.
func decode(coding string, body io.Reader) (io.ReadCloser, error) {
	switch strings.ToLower(coding) {
	case "", "identity":
		return io.NopCloser(body), nil
	case "gzip":
		r, err := gzip.NewReader(body)
		if err != nil {
			return nil, problem(http.StatusBadRequest, "the body is not gzip, which Content-Encoding says: "+err.Error())
		}
		return r, nil
	case "zstd":
		r, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxLargeBody))
		if err != nil {
			return nil, problem(http.StatusBadRequest, "the body is not zstd, which Content-Encoding says: "+err.Error())
		}
		return r.IOReadCloser(), nil
	}
	return nil, problem(http.StatusUnsupportedMediaType, "Content-Encoding takes zstd, gzip or identity")
}
