package standin

import (
	"bufio"
	"maps"
	"net"
	"net/http"
	"sync"
)

// Served counts the requests for a path and the body bytes of their answers.
type Served struct {
	Requests int64
	Bytes    int64 // handed to the connection; a client that left may have read fewer
}

// Stats returns what was served so far, by path as requested (decoded, without the query). Bytes of
// running answers count as they are sent.
func (s *Server) Stats() map[string]Served {
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	return maps.Clone(s.stats.paths)
}

// Total returns the sum over all paths.
func (s *Server) Total() Served {
	var total Served
	for _, served := range s.Stats() {
		total.Requests += served.Requests
		total.Bytes += served.Bytes
	}
	return total
}

type stats struct {
	mu    sync.Mutex
	paths map[string]Served
}

func (s *stats) add(path string, more Served) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paths == nil {
		s.paths = map[string]Served{}
	}
	served := s.paths[path]
	served.Requests += more.Requests
	served.Bytes += more.Bytes
	s.paths[path] = served
}

// begin counts a request and returns a writer that counts its answer.
func (s *stats) begin(w http.ResponseWriter, path string) http.ResponseWriter {
	s.add(path, Served{Requests: 1})
	return &countingWriter{ResponseWriter: w, stats: s, path: path}
}

type countingWriter struct {
	http.ResponseWriter
	stats *stats
	path  string
}

func (w *countingWriter) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.stats.add(w.path, Served{Bytes: int64(n)})
	return n, err
}

// Unwrap lets http.ResponseController reach the connection's own writer.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack is what the websocket takes the connection over with.
func (w *countingWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}
