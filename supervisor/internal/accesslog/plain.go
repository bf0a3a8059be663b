package accesslog

import "encoding/binary"

// characters tells whether a line has control characters, which are in no JSON though its validator lets some
// through, and whether it has escapes. Eight bytes are looked at together.
func characters(b []byte) (control, escape bool) {
	const each, high = 0x0101010101010101, 0x8080808080808080
	var low, backslash uint64
	for ; len(b) >= 8; b = b[8:] {
		x := binary.LittleEndian.Uint64(b)
		low |= (x - each*0x20) &^ x // its high bits: of bytes below 0x20
		y := x ^ each*'\\'
		backslash |= (y - each) &^ y
	}
	for _, c := range b {
		control = control || c < 0x20
		escape = escape || c == '\\'
	}
	return control || low&high != 0, escape || backslash&high != 0
}
