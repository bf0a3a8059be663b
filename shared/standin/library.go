package standin

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"slices"
)

// The library: what a client needs to find something to play.
type film struct {
	ID   string `json:"Id"`
	Name string `json:"Name"`
	Type string `json:"Type"` // Movie or Episode
}

var films = []film{
	{"a0000000000000000000000000000001", "Metropolis", "Movie"},
	{"a0000000000000000000000000000002", "Nosferatu", "Movie"},
	{"a0000000000000000000000000000003", "The Adventures of Prince Achmed", "Movie"},
	{"b0000000000000000000000000000001", "Les Vampires: The Severed Head", "Episode"},
	{"b0000000000000000000000000000002", "Les Vampires: The Ring That Kills", "Episode"},
}

func (s *Server) items(w http.ResponseWriter, r *http.Request, _ *session) {
	writeJSON(w, r, map[string]any{"Items": films, "TotalRecordCount": len(films), "StartIndex": 0})
}

func (s *Server) item(w http.ResponseWriter, r *http.Request, _ *session) {
	if f, ok := find(w, r); ok {
		writeJSON(w, r, f)
	}
}

// counts are those of the library, for a gateway that hides them to be seen doing it.
func (s *Server) counts(w http.ResponseWriter, r *http.Request, _ *session) {
	count := func(kind string) (n int) {
		for _, f := range films {
			if f.Type == kind {
				n++
			}
		}
		return n
	}
	writeJSON(w, r, map[string]int{
		"MovieCount": count("Movie"), "SeriesCount": 1, "EpisodeCount": count("Episode"), "ArtistCount": 0,
		"ProgramCount": 0, "TrailerCount": 0, "SongCount": 0, "AlbumCount": 0, "MusicVideoCount": 0,
		"BoxSetCount": 0, "BookCount": 0, "ItemCount": len(films) + 1,
	})
}

// playbackInfo names the stream and draws a new PlaySessionId, as each real answer does.
func (s *Server) playbackInfo(w http.ResponseWriter, r *http.Request, _ *session) {
	f, ok := find(w, r)
	if !ok {
		return
	}
	writeJSON(w, r, map[string]any{
		"MediaSources": []map[string]any{{
			"Id": f.ID, "Name": f.Name, "Protocol": "File", "Container": "mkv", "Size": defaultSize,
			"SupportsDirectPlay": true, "SupportsDirectStream": true, "SupportsTranscoding": true,
			"DirectStreamUrl": "/Videos/" + f.ID + "/stream.mkv?static=true&MediaSourceId=" + f.ID,
		}},
		"PlaySessionId": newID(),
	})
}

func find(w http.ResponseWriter, r *http.Request) (film, bool) {
	i := slices.IndexFunc(films, func(f film) bool { return f.ID == r.PathValue("item") })
	if i < 0 {
		http.NotFound(w, r)
		return film{}, false
	}
	return films[i], true
}

// newID returns 32 hexadecimal digits, as ids and tokens of both servers have.
func newID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
