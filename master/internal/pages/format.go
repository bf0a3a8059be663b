package pages

import (
	"encoding/json"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
)

// Bytes writes an amount of data as in 1.5 GiB.
func (v *visit) Bytes(n any) string {
	f := number(n)
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if f < 1024 && f > -1024 {
			return trim(f) + " " + unit
		}
		f /= 1024
	}
	if f < 1024 {
		return trim(f) + " TiB"
	}
	return trim(f/1024) + " PiB"
}

// Count writes a number with its thousands apart, as in 12,345.
func (v *visit) Count(n any) string {
	text := strconv.FormatInt(int64(number(n)), 10)
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}

// Percent writes a share of one as in 3.2 %.
func (v *visit) Percent(share any) string { return trim(number(share)*100) + " %" }

// Millis writes a number of milliseconds as in 350 ms or 1.2 s.
func (v *visit) Millis(n any) string {
	if f := number(n); f < 1000 {
		return trim(f) + " ms"
	}
	return trim(number(n)/1000) + " s"
}

// Change writes by how much a number differs from what it was before, as in +12 %; "" for not at all, and where there was
// nothing before.
func (v *visit) Change(now, before any) string {
	n, b := number(now), number(before)
	switch {
	case n == b, b == 0:
		return ""
	case n > b:
		return "+" + trim(100*(n-b)/b) + " %"
	}
	return "−" + trim(100*(b-n)/b) + " %"
}

// Span writes a duration in its two largest units, as in 2 h 5 min.
func (v *visit) Span(d time.Duration) string {
	d = d.Round(time.Second)
	for _, u := range []struct {
		key   string
		large time.Duration
		small time.Duration
	}{{"unit.d", 24 * time.Hour, time.Hour}, {"unit.h", time.Hour, time.Minute}, {"unit.min", time.Minute, time.Second}} {
		if d < u.large {
			continue
		}
		text := v.T(u.key, int64(d/u.large))
		if rest := d % u.large / u.small; rest > 0 {
			text += " " + v.T(map[time.Duration]string{time.Hour: "unit.h", time.Minute: "unit.min", time.Second: "unit.s"}[u.small], int64(rest))
		}
		return text
	}
	return v.T("unit.s", int64(d/time.Second))
}

// Time writes a moment in the visitor's zone. The zone's name is in its title, and so is how long ago it was.
func (v *visit) Time(t any) template.HTML {
	at, ok := moment(t)
	if !ok {
		return template.HTML(template.HTMLEscapeString(v.T("time.never")))
	}
	at = at.In(v.Zone)
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, //nolint:gosec // nothing of it comes from outside
		at.UTC().Format(time.RFC3339), at.Format("2006-01-02 15:04:05 MST"), at.Format("2006-01-02 15:04:05")))
}

// Ago writes how long ago a moment was.
func (v *visit) Ago(t any) template.HTML {
	at, ok := moment(t)
	if !ok {
		return template.HTML(template.HTMLEscapeString(v.T("time.never")))
	}
	since := time.Since(at)
	text := v.T("time.ago", v.Span(since))
	if since < 0 {
		text = v.T("time.in", v.Span(-since))
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, //nolint:gosec // nothing of it comes from outside
		at.UTC().Format(time.RFC3339), at.In(v.Zone).Format("2006-01-02 15:04:05 MST"), template.HTMLEscapeString(text)))
}

func moment(t any) (time.Time, bool) {
	switch t := t.(type) {
	case time.Time:
		return t, !t.IsZero()
	case *time.Time:
		if t == nil {
			return time.Time{}, false
		}
		return *t, !t.IsZero()
	case string:
		at, err := time.Parse(time.RFC3339Nano, t)
		return at, err == nil && !at.IsZero()
	}
	return time.Time{}, false
}

func number(n any) float64 {
	switch n := n.(type) {
	case int:
		return float64(n)
	case int64:
		return float64(n)
	case float64:
		return n
	case *float64:
		if n != nil {
			return *n
		}
	case json.Number:
		f, _ := n.Float64()
		return f
	}
	return 0
}

// trim writes three significant digits at most, of whole numbers all.
func trim(f float64) string {
	switch {
	case f >= 100 || f <= -100 || f == float64(int64(f)):
		return strconv.FormatFloat(f, 'f', 0, 64)
	case f >= 10 || f <= -10:
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'f', 2, 64)
}
