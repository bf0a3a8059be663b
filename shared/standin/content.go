package standin

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"io"
)

// Content is the body of a stream: Size bytes that follow from the item's id and nothing else, so that
// whoever receives any range of it can tell whether it is the right one. It implements io.ReaderAt; use
// io.NewSectionReader for a stream.
type Content struct {
	seed uint64
	Size int64
}

// NewContent returns the content of an item. Ids are lower-cased by the caller; the server routes in
// lower case.
func NewContent(item string, size int64) Content {
	h := fnv.New64a()
	_, _ = io.WriteString(h, item) // never fails
	return Content{seed: h.Sum64(), Size: size}
}

// ReadAt fills p with the bytes from off on.
func (c Content) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("standin: negative offset")
	}
	if off >= c.Size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), c.Size-off))
	var word [8]byte
	for i := 0; i < n; {
		at := off + int64(i)
		binary.LittleEndian.PutUint64(word[:], mix(c.seed+uint64(at/8)))
		i += copy(p[i:n], word[at%8:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// mix is the output function of SplitMix64 (Steele, Lea, Flood 2014): every bit of the result depends
// on every bit of x, so that neither a shift by a byte nor a repeated block goes unseen.
func mix(x uint64) uint64 {
	x *= 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
