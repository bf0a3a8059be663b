package masterclient

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
)

func TestPhaseSpreads(t *testing.T) {
	seen := map[float64]bool{}
	for _, token := range []string{"uhd_a", "uhd_b", "uhd_c", "uhd_d"} {
		p := phase(token)
		if p <= 0 || p > 1 {
			t.Errorf("phase of %s = %f", token, p)
		}
		seen[p] = true
	}
	if len(seen) < 4 {
		t.Errorf("phases %v collide", seen)
	}
}

// TestPaceOverARestart: 5,000 slaves whose master goes away, for moments or for hours, never send it more
// than three times as much in a second as usual.
func TestPaceOverARestart(t *testing.T) {
	const slaves, minute = 5000, 60
	usual := float64(slaves) / ((shortestHold + longestHold) / 2).Seconds()
	for _, outage := range []time.Duration{0, time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second, time.Minute, time.Hour} {
		var polls [3 * minute]float64 // since the master is back, by second
		for range slaves {
			p := Pace{Interval: 30 * time.Second}
			p.Answered(api.Version{ConfigHash: "h"})
			at := p.Failed(errors.New("connection lost"))
			for at < outage {
				at += p.Failed(errors.New("connection refused"))
			}
			for at < outage+3*time.Minute {
				hold := p.Hold()
				polls[(at-outage)/time.Second]++
				p.Answered(api.Version{ConfigHash: "h"})
				at += hold + p.Next(hold, hold)
			}
		}
		for second, n := range polls {
			if n > 3*usual {
				t.Errorf("%s away: %.0f polls in second %d, usual are %.0f", outage, n, second, usual)
			}
		}
		// And within a minute all of them are back.
		var all float64
		for _, n := range polls[:minute+10] {
			all += n
		}
		if all < slaves {
			t.Errorf("%s away: %.0f polls in the first minute", outage, all)
		}
	}
}

// TestPaceAfterAPublish: slaves that were all told of something at the same moment do not stay together.
func TestPaceAfterAPublish(t *testing.T) {
	const slaves = 5000
	var polls [300]float64
	for range slaves {
		p := Pace{Interval: 30 * time.Second}
		p.Answered(api.Version{ConfigHash: "h"})
		for at := rand.N(time.Second); at < 300*time.Second; at += p.Hold() {
			polls[at/time.Second]++
		}
	}
	for second, n := range polls[60:] {
		if n > 3*slaves/25 {
			t.Errorf("%.0f polls in second %d after the publish", n, second+60)
		}
	}
}

// TestPaceAlone: a slave whose master is not there yet finds it soon after it is.
func TestPaceAlone(t *testing.T) {
	p := Pace{Interval: 30 * time.Second}
	for failures, most := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		if d := p.Failed(errors.New("refused")); d > most+100*time.Millisecond {
			t.Errorf("after %d failures: %s", failures, d)
		}
	}
	if p.Hold() != 0 {
		t.Error("asks a master that it does not know to wait")
	}
	p.Answered(api.Version{Version: 5}) // of an older master
	if d := p.Next(0, 0); p.Hold() != 0 || p.Failures() != 0 || d <= 0 || d > 33*time.Second {
		t.Errorf("polls an older master again in %s", d)
	}
	p.Answered(api.Version{Version: 5, ConfigHash: "h"})
	if d := p.Next(0, 0); d != 0 {
		t.Errorf("waits %s before it asks a master to wait", d)
	}
	if hold := p.Hold(); hold < shortestHold || hold > longestHold || hold%time.Second != 0 {
		t.Errorf("asks to wait %s", hold)
	}
	if d := p.Next(25*time.Second, time.Second); d < 27*time.Second || d > 33*time.Second {
		t.Errorf("a master that does not wait is asked again in %s", d)
	}
	if d := p.Failed(&StatusError{Problem: &api.Problem{Status: 503}, RetryAfter: 7 * time.Second}); d != 7*time.Second || p.Hold() != 0 {
		t.Errorf("told to come in 7 s, it comes in %s", d)
	}
}
