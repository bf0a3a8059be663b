package traffic

import (
	"encoding/hex"
	"math"
	"strconv"
	"time"
)

// Line appends one line of the access log to dst, as nginx writes it, without a newline.
func (g *Generator) Line(dst []byte, at time.Time) []byte {
	p := &g.people[g.who.draw(g.random)]
	d := &p.devices[int(float64(len(p.devices))*math.Pow(g.random.Float64(), 2))]
	ip := p.addresses[int(float64(len(p.addresses))*math.Pow(g.random.Float64(), 3))]
	r := g.request(d)

	dst = append(dst, `{"timestamp":`...)
	ms := at.UnixMilli()
	dst = strconv.AppendInt(dst, ms/1000, 10)
	dst = append(dst, '.', byte('0'+ms/100%10), byte('0'+ms/10%10), byte('0'+ms%10))
	dst = append(dst, `,"request_id":"`...)
	dst = g.appendHex(dst)
	dst = appendText(dst, "ip", ip)
	dst = appendText(dst, "method", r.method)
	dst = append(dst, `","status":`...)
	dst = strconv.AppendInt(dst, r.status, 10)
	dst = append(dst, `,"bytes_sent":`...)
	dst = strconv.AppendInt(dst, r.bytes, 10)
	dst = append(dst, `,"request_time":`...)
	dst = strconv.AppendFloat(dst, r.seconds, 'f', 3, 64)
	dst = append(dst, `,"upstream_time":"`...)
	if r.verdict != "reject" {
		dst = strconv.AppendFloat(dst, r.seconds, 'f', 3, 64)
		dst = append(dst, `","upstream_status":"`...)
		dst = strconv.AppendInt(dst, r.status, 10)
	} else {
		dst = append(dst, `","upstream_status":"`...)
	}
	dst = append(dst, `","accounted":0,"server_name":"media`...)
	scope := g.scopes[p.scope]
	dst = append(dst, scope...)
	dst = append(dst, `.example.com`...)
	dst = appendText(dst, "scope", scope)
	dst = append(dst, `","profile":"`...)
	dst = appendText(dst, "client_name", d.app.name)
	dst = appendText(dst, "client_version", d.app.version)
	dst = appendText(dst, "device_id", d.id)
	dst = appendText(dst, "device_name", d.name)
	dst = appendText(dst, "kind", d.app.kind)
	dst = appendText(dst, "user_id", p.id)
	dst = appendText(dst, "token_hash", p.token)
	dst = appendText(dst, "user_agent", d.app.agent)
	dst = appendText(dst, "uri", r.path)
	dst = appendText(dst, "play_session_id", r.play)
	dst = appendText(dst, "item_id", r.item)
	dst = append(dst, '"')
	if r.event != "" {
		dst = append(dst, `,"playback":{"event":"`...)
		dst = append(dst, r.event...)
		dst = append(dst, `","position_ticks":`...)
		dst = strconv.AppendInt(dst, d.position, 10)
		dst = append(dst, `,"is_paused":false}`...)
	}
	if r.login {
		dst = append(dst, `,"login":{"success":true,"user_id":"`...)
		dst = append(dst, p.id...)
		dst = append(dst, `","user_name":"someone"}`...)
	}
	dst = append(dst, `,"verdict":"`...)
	dst = append(dst, r.verdict...)
	dst = appendText(dst, "reason", r.reason)
	dst = appendText(dst, "rule", r.rule)
	return append(dst, `"}`...)
}

// appendText ends the text before and begins a member, whose text is left open.
func appendText(dst []byte, name, value string) []byte {
	dst = append(dst, `","`...)
	dst = append(dst, name...)
	dst = append(dst, `":"`...)
	return append(dst, value...)
}

func (g *Generator) appendHex(dst []byte) []byte {
	var id [16]byte
	a, b := g.random.Uint64(), g.random.Uint64()
	for i := range 8 {
		id[i], id[i+8] = byte(a>>(8*i)), byte(b>>(8*i))
	}
	return hex.AppendEncode(dst, id[:])
}

// request is what one line is about.
type request struct {
	method, path          string
	status, bytes         int64
	seconds               float64
	play, item, event     string
	login                 bool
	verdict, reason, rule string
}

// request makes up what the device does next: half of it is pictures, a third browsing, the rest playing.
func (g *Generator) request(d *device) request {
	item := g.items[g.what.draw(g.random)]
	r := request{method: "GET", status: 200, verdict: "allow"}
	switch x := g.random.IntN(1000); {
	case x < 450:
		r.path, r.bytes, r.seconds = "/emby/Items/"+item+"/Images/Primary", g.around(40_000), g.seconds(0.006)
		if g.random.IntN(5) == 0 {
			r.status, r.bytes = 304, 180
		}
	case x < 600:
		r.path, r.bytes, r.seconds = "/Users/"+item+"/Items/"+item, g.around(9_000), g.seconds(0.02)
	case x < 700:
		r.path, r.bytes, r.seconds = "/Items", g.around(60_000), g.seconds(0.08)
	case x < 780:
		r.path, r.bytes, r.seconds = "/Shows/NextUp", g.around(20_000), g.seconds(0.05)
	case x < 790:
		r.method, r.path, r.status, r.bytes, r.seconds = "POST", "/Users/AuthenticateByName", 200, 1200, g.seconds(0.1)
		r.login = true
	case x < 820:
		g.session++
		d.playing, d.item, d.position = strconv.FormatUint(g.session, 36)+d.id[:12], item, 0
		r.method, r.path, r.bytes, r.seconds = "POST", "/Items/"+item+"/PlaybackInfo", g.around(6_000), g.seconds(0.06)
	case d.playing == "":
		r.path, r.bytes, r.seconds = "/System/Ping", 30, g.seconds(0.002)
	case x < 920:
		r.path, r.status, r.bytes, r.seconds = "/Videos/"+d.item+"/hls1/main/"+strconv.Itoa(g.random.IntN(2000))+".ts", 200, g.around(2_500_000), g.seconds(0.4)
		r.play, r.item = d.playing, d.item
	case x < 940:
		r.path, r.status, r.bytes, r.seconds = "/Videos/"+d.item+"/stream.mkv", 206, g.around(300_000_000), g.seconds(300)
		r.play, r.item = d.playing, d.item
	default:
		d.position += 100_000_000
		r.method, r.path, r.status, r.bytes, r.seconds = "POST", "/Sessions/Playing/Progress", 204, 150, g.seconds(0.004)
		r.play, r.item, r.event = d.playing, d.item, "progress"
		switch {
		case d.position == 100_000_000:
			r.path, r.event = "/Sessions/Playing", "start"
		case g.random.IntN(20) == 0:
			r.path, r.event = "/Sessions/Playing/Stopped", "stop"
			d.playing = ""
		}
	}
	switch x := g.random.IntN(1000); {
	case x < 15:
		why := refusals[g.random.IntN(len(refusals))]
		r.status, r.bytes, r.seconds, r.login, r.event = why.status, 420, 0, false, ""
		r.verdict, r.reason, r.rule = "reject", why.reason, why.rule
	case x < 25:
		r.status, r.bytes = []int64{400, 401, 404, 404, 500, 502}[g.random.IntN(6)], 300
		r.login = false
	}
	return r
}

// refusals as lua/uhd/deny.lua makes them.
var refusals = []struct {
	status       int64
	reason, rule string
}{
	{403, "client_not_allowed", ""},
	{403, "client_outdated", ""},
	{403, "uri_blocked", ""},
	{429, "rate_limited", "1"},
	{429, "quota_bandwidth", "3"},
	{403, "streams_exceeded", ""},
}

// around returns a size about the mean, some far larger.
func (g *Generator) around(mean float64) int64 {
	return int64(mean * math.Exp(g.random.NormFloat64()*0.7-0.25))
}

// seconds returns a time about the median, some far longer.
func (g *Generator) seconds(median float64) float64 {
	return median * math.Exp(g.random.NormFloat64()*0.9)
}
