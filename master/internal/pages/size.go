package pages

import (
	"encoding/json"
	"strconv"

	"github.com/dustin/go-humanize"
)

// sizeUnits are what a number of bytes is shown in.
var sizeUnits = []struct {
	name  string
	bytes uint64
}{
	{"TiB", humanize.TiByte},
	{"TB", humanize.TByte},
	{"GiB", humanize.GiByte},
	{"GB", humanize.GByte},
	{"MiB", humanize.MiByte},
	{"MB", humanize.MByte},
	{"KiB", humanize.KiByte},
	{"kB", humanize.KByte},
}

// shownSize writes a number of bytes as an input has it: in the unit that leaves the smallest whole number, so that what is
// read again is the same. What is no such number stays as it is.
func shownSize(value any) string {
	bytes, err := strconv.ParseUint(plain(value), 10, 64)
	if err != nil {
		return plain(value)
	}
	shown, least := plain(value), bytes
	for _, unit := range sizeUnits {
		if n := bytes / unit.bytes; n > 0 && bytes%unit.bytes == 0 && n < least {
			shown, least = strconv.FormatUint(n, 10)+" "+unit.name, n
		}
	}
	return shown
}

// readSize reads what was entered as a number of bytes: 214748364800, 200 GiB, 1.5TB, in any case. ok is false for what is
// none.
func readSize(entered string) (bytes json.Number, ok bool) {
	n, err := humanize.ParseBytes(entered)
	if err != nil {
		return "", false
	}
	return json.Number(strconv.FormatUint(n, 10)), true
}
