package quota

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // slaves' zones, in images without them

	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/period"
)

const (
	// keptFor is how long counters are kept after their period: slaves that were away for a day report late.
	keptFor = 48 * time.Hour
	// clockSkew is how far ahead of ours a slave's clock may be.
	clockSkew = time.Hour
	// maxValue and maxName are the longest values of dimensions and names of slaves and scopes, in bytes.
	maxValue = 256
	maxName  = 128
)

// dimensions are those that slaves count by. No rule is about profiles: they are for people to look at.
var dimensions = map[string]bool{
	library.DimensionIP: true, library.DimensionUser: true, library.DimensionDevice: true, library.DimensionGlobal: true,
	"profile": true,
}

// ErrZone says that a slave's time zone is unknown.
var ErrZone = errors.New("time_zone takes an IANA name, as in Europe/Berlin")

// zones remembers time zones by name: reading one takes longer than the rest of a small sync.
type zones struct{ known sync.Map }

func (z *zones) load(name string) (*time.Location, error) {
	if zone, ok := z.known.Load(name); ok {
		return zone.(*time.Location), nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("%w, not %q", ErrZone, name[:min(len(name), 64)])
	}
	z.known.Store(name, zone)
	return zone, nil
}

// parsePeriod reads a period's key, also as older agents may spell it: 2026112220, 2026-11-22 20:00, 20261122,
// 202611, 2026W47.
func parsePeriod(kind period.Kind, key string, zone *time.Location) (period.Period, error) {
	p, err := period.Parse(kind, key, zone)
	if err == nil {
		return p, nil
	}
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, key[:min(len(key), 32)])
	layouts := map[period.Kind]string{period.Hourly: "YYYY-MM-DDTHH", period.Daily: "YYYY-MM-DD", period.Weekly: "YYYY-Www", period.Monthly: "YYYY-MM"}
	spelled := []byte{}
	for _, c := range []byte(layouts[kind]) {
		switch {
		case !strings.ContainsRune("YMDHw", rune(c)):
			spelled = append(spelled, c)
		case digits == "":
			return p, err
		default:
			spelled, digits = append(spelled, digits[0]), digits[1:]
		}
	}
	return period.Parse(kind, string(spelled), zone)
}

func clip(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxName)], "") }
