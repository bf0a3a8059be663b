// Package traffic makes up the access log of a gateway in use, for benchmarks and tests: people with their
// apps, devices and addresses, who browse and play more in the evening, some far more than others; a
// little of it fails, and a little is refused. The same seed gives the same lines.
package traffic

import (
	"encoding/hex"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// Config of a Generator.
type Config struct {
	Seed    uint64
	Users   int     // 0: 2,000
	Items   int     // in the library; 0: 20,000
	Servers []int64 // ids; those of the lines' scopes; none: "1"
}

// Generator makes lines. It is for one goroutine.
type Generator struct {
	random  *rand.Rand
	people  []person
	who     *zipf
	what    *zipf
	items   []string
	scopes  []string
	session uint64
}

// person is a user with what they use.
type person struct {
	id, token string
	scope     int
	devices   []device
	addresses []string
}

type device struct {
	id, name string
	app      *app
	playing  string // play session; "": none
	item     string
	position int64 // ticks
}

// app is a client as the access log names it.
type app struct{ name, version, kind, agent string }

var apps = []app{
	{"Jellyfin Web", "10.11.5", "header", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
	{"Jellyfin for Android TV", "0.19.2", "header", "Jellyfin for Android TV/0.19.2 via androidsdk"},
	{"Emby Web", "4.9.1.2", "query", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"},
	{"Emby for Android", "3.4.65", "query", "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36"},
	{"Infuse-Direct", "8.2.5", "header", "Infuse-Direct/8.2.5"},
	{"Yamby", "2.0.4.6", "header", "Yamby/2.0.4.6(Android"},
	{"Jellyfin Roku", "3.0.5", "header", "Roku/DVP-14.5 (14.5.4.5934-46)"},
	{"Kodi", "1.0.6", "header", "Jellyfin-Kodi/1.0.6"},
	{"Tsukimi", "0.21.0", "header", "Tsukimi/0.21.0 - linux"},
	{"Hills", "1.5.0", "header", "Hills/1.5.0"},
	{"SenPlayer", "5.3.1", "header", "SenPlayer/5.3.1"},
	{"VLC", "3.0.21", "user agent", "VLC/3.0.21 LibVLC/3.0.21"},
	{"AppleCoreMedia", "1.0.0.22F76", "user agent", "AppleCoreMedia/1.0.0.22F76 (Apple TV; U; CPU OS 18_5 like Mac OS X)"},
}

// New returns a generator.
func New(cfg Config) *Generator {
	if cfg.Users == 0 {
		cfg.Users = 2000
	}
	if cfg.Items == 0 {
		cfg.Items = 20_000
	}
	if len(cfg.Servers) == 0 {
		cfg.Servers = []int64{1}
	}
	g := &Generator{
		random: rand.New(rand.NewPCG(cfg.Seed, 4)),
		who:    newZipf(cfg.Users, 0.8), what: newZipf(cfg.Items, 0.9),
		people: make([]person, cfg.Users), items: make([]string, cfg.Items),
	}
	for _, id := range cfg.Servers {
		g.scopes = append(g.scopes, strconv.FormatInt(id, 10))
	}
	for i := range g.items {
		g.items[i] = g.hex(16)
	}
	for i := range g.people {
		g.people[i] = g.person()
	}
	return g
}

func (g *Generator) person() person {
	p := person{id: g.hex(16), token: g.hex(32), scope: g.random.IntN(len(g.scopes))}
	for range 1 + g.random.IntN(3) {
		app := &apps[int(float64(len(apps))*math.Pow(g.random.Float64(), 2))]
		p.devices = append(p.devices, device{id: g.hex(16), name: names[g.random.IntN(len(names))], app: app})
	}
	for range 1 + g.random.IntN(3) {
		if g.random.IntN(4) == 0 {
			p.addresses = append(p.addresses, "2001:db8:"+strconv.FormatInt(int64(g.random.IntN(1<<16)), 16)+"::"+strconv.FormatInt(int64(g.random.IntN(1<<16)), 16))
			continue
		}
		p.addresses = append(p.addresses, "100."+strconv.Itoa(64+g.random.IntN(64))+"."+strconv.Itoa(g.random.IntN(256))+"."+strconv.Itoa(g.random.IntN(256)))
	}
	return p
}

var names = []string{"Living room", "SHIELD Android TV", "iPhone", "Pixel 9", "Firefox", "Chrome", "Bob's TV", "客厅电视", "iPad", "htpc"}

// hex returns n random bytes in hex.
func (g *Generator) hex(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.random.Uint32())
	}
	return hex.EncodeToString(b)
}

// zipf draws indices of which low ones are more frequent.
type zipf struct{ upTo []float64 }

func newZipf(n int, exponent float64) *zipf {
	z := &zipf{upTo: make([]float64, n)}
	var sum float64
	for i := range n {
		sum += 1 / math.Pow(float64(i+1), exponent)
		z.upTo[i] = sum
	}
	return z
}

func (z *zipf) draw(random *rand.Rand) int {
	x := random.Float64() * z.upTo[len(z.upTo)-1]
	low, high := 0, len(z.upTo)-1
	for low < high {
		if middle := (low + high) / 2; z.upTo[middle] < x {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// hours is how much goes on in each hour of the day, UTC; 1 on average.
var hours = [24]float64{
	1.3, 0.9, 0.6, 0.4, 0.3, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8,
	0.9, 0.9, 0.9, 1.0, 1.1, 1.3, 1.6, 1.9, 2.1, 2.1, 1.8, 1.55,
}

// Times calls each with the times of n lines between from and to, ascending, more of them in the evening.
// It ends early when each returns false.
func Times(from, to time.Time, n int, each func(time.Time) bool) {
	var weight float64
	for at := from; at.Before(to); at = at.Add(time.Hour) {
		weight += hours[at.UTC().Hour()]
	}
	made, due := 0, 0.0
	for at := from; at.Before(to); at = at.Add(time.Hour) {
		due += hours[at.UTC().Hour()] / weight * float64(n)
		lines := int(math.Round(due)) - made
		for i := range lines {
			if !each(at.Add(time.Duration(i) * time.Hour / time.Duration(lines))) {
				return
			}
		}
		made += lines
	}
}
