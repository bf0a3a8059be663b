package standin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Of a stream whose request names no size, and of a segment.
const (
	defaultSize = 8 << 20
	maxSize     = 1 << 40
	segments    = 10
	segmentSize = 256 << 10
)

// filmed is the Last-Modified of all streams: fixed, so that If-Range holds across restarts.
var filmed = time.Date(2024, 2, 3, 9, 0, 0, 0, time.UTC)

// video serves what lies directly under /Videos/{id} and /Audio/{id}.
func (s *Server) video(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("stream")
	stem, _, _ := strings.Cut(name, ".")
	switch {
	case name == "master.m3u8":
		s.masterPlaylist(w, r)
	case name == "main.m3u8":
		s.mediaPlaylist(w, r)
	case stem == "stream" || stem == "original" || stem == "universal":
		s.stream(w, r)
	default:
		http.NotFound(w, r)
	}
}

// stream serves ?size= bytes of the item's content at ?rate= bytes per second (0: as fast as it goes),
// whole or in ranges. Like Jellyfin it asks for no token.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	size, err := number(r, "size", defaultSize)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	serve(w, r, r.PathValue("item"), size, "video/x-matroska")
}

func (s *Server) download(w http.ResponseWriter, r *http.Request, _ *session) { s.stream(w, r) }

func serve(w http.ResponseWriter, r *http.Request, item string, size int64, mediaType string) {
	rate, err := number(r, "rate", 0)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("ETag", fmt.Sprintf(`"%s-%d"`, item, size))
	var body io.ReadSeeker = io.NewSectionReader(NewContent(item, size), 0, size)
	if rate > 0 {
		body = &paced{ReadSeeker: body, ctx: r.Context(), rate: rate, flush: http.NewResponseController(w).Flush}
	}
	http.ServeContent(w, r, "", filmed, body)
}

// number reads a query parameter that is a count of bytes.
func number(r *http.Request, name string, absent int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return absent, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > maxSize {
		return 0, fmt.Errorf("%s must be a number of bytes from 0 to %d", name, int64(maxSize))
	}
	return n, nil
}

// paced reads no faster than rate bytes per second, a hundredth of a second's worth at a time, and ends
// with the request.
type paced struct {
	io.ReadSeeker
	ctx     context.Context
	rate    int64
	flush   func() error
	started time.Time
	read    int64
}

func (p *paced) Read(b []byte) (int, error) {
	if p.started.IsZero() {
		p.started = time.Now()
	}
	due := time.Duration(float64(p.read) / float64(p.rate) * float64(time.Second))
	if wait := due - time.Since(p.started); wait > 0 {
		_ = p.flush() // an error shows at the next write
		select {
		case <-time.After(wait):
		case <-p.ctx.Done():
			return 0, p.ctx.Err()
		}
	}
	n, err := p.ReadSeeker.Read(b[:min(len(b), int(max(p.rate/100, 1)))])
	p.read += int64(n)
	return n, err
}

func (s *Server) masterPlaylist(w http.ResponseWriter, r *http.Request) {
	writePlaylist(w, "#EXT-X-STREAM-INF:BANDWIDTH=8000000,RESOLUTION=1920x1080", "main.m3u8"+queryOf(r))
}

func (s *Server) mediaPlaylist(w http.ResponseWriter, r *http.Request) {
	lines := []string{"#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:6", "#EXT-X-MEDIA-SEQUENCE:0", "#EXT-X-PLAYLIST-TYPE:VOD"}
	for i := range segments {
		lines = append(lines, "#EXTINF:6.0,", fmt.Sprintf("hls1/main/%d.ts%s", i, queryOf(r)))
	}
	writePlaylist(w, append(lines, "#EXT-X-ENDLIST")...)
}

func writePlaylist(w http.ResponseWriter, lines ...string) {
	w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
	_, _ = io.WriteString(w, "#EXTM3U\n"+strings.Join(lines, "\n")+"\n") // an error means that the client has gone
}

// segment serves the n-th segment: the content of an item named "id/n".
func (s *Server) segment(w http.ResponseWriter, r *http.Request) {
	stem, _, _ := strings.Cut(r.PathValue("file"), ".")
	n, err := strconv.Atoi(stem)
	if err != nil || n < 0 || n >= segments {
		http.NotFound(w, r)
		return
	}
	serve(w, r, fmt.Sprintf("%s/%d", r.PathValue("item"), n), segmentSize, "video/mp2t")
}

func queryOf(r *http.Request) string {
	if r.URL.RawQuery == "" {
		return ""
	}
	return "?" + r.URL.RawQuery
}
