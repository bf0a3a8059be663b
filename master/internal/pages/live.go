package pages

import (
	"net/http"
	"net/url"
	"time"
)

// stream is a playback that runs now.
type stream struct {
	ID         int64     `json:"id"`
	UserID     string    `json:"user_id"`
	DeviceName string    `json:"device_name"`
	DeviceID   string    `json:"device_id"`
	ClientName string    `json:"client_name"`
	ClientIP   string    `json:"client_ip"`
	ItemID     string    `json:"item_id"`
	Host       string    `json:"host"`
	State      string    `json:"state"`
	Bytes      int64     `json:"bytes"`
	IsPaused   bool      `json:"is_paused"`
	StartedAt  time.Time `json:"started_at"`
	SeenAt     time.Time `json:"seen_at"`
}

type livePage struct {
	Streams []stream
	Count   string // of all that are shown; with a + when there are more
	Sent    int64  // bytes, of those that are shown
	Q       string
	First   string // links of the pager; "" for none
	Next    string
}

func showLive(v *visit) error {
	asked := v.r.URL.Query()
	p := livePage{Q: asked.Get("q")}
	query := url.Values{"limit": {"100"}}
	for _, name := range []string{"q", "cursor"} {
		if value := asked.Get(name); value != "" {
			query.Set(name, value)
		}
	}
	list, err := pageOf[stream](v, "sessions", query)
	if err != nil {
		return err
	}
	p.Streams, p.Count = list.Items, v.Count(len(list.Items))
	for i := range p.Streams {
		p.Sent += p.Streams[i].Bytes
	}
	if asked.Get("cursor") != "" {
		p.First = "?" + url.Values{"q": {p.Q}}.Encode()
	}
	if list.NextCursor != "" {
		p.Count += "+"
		next := url.Values{"q": {p.Q}, "cursor": {list.NextCursor}}
		p.Next = "?" + next.Encode()
	}
	return v.show("live", p)
}

func kick(v *visit) error {
	if _, err := v.call(http.MethodDelete, "sessions/"+url.PathEscape(v.r.PathValue("id")), nil, nil); err != nil {
		return err
	}
	return v.redirect(Prefix+"sessions", "said.kicked")
}
