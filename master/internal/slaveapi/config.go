package slaveapi

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
)

// config answers the whole configuration of the slave's group; writeConfig writes it.
func (a *API) config(_ http.ResponseWriter, r *http.Request, slave auth.Slave) (any, error) {
	entry := a.cfg.Board.Current(slave.Group)
	if entry.Version == 0 {
		return nil, problem(http.StatusNotFound, "nothing is published for "+slave.Group.Host+" yet: publish a snapshot first (POST /api/v1/admin/snapshots)")
	}
	a.markDelivered(r, entry)
	return entry, nil
}

// markDelivered writes down the first delivery of a distribution. The slave gets its configuration even
// when that fails.
func (a *API) markDelivered(r *http.Request, entry publish.Entry) {
	if _, done := a.delivered.Load(entry.DistributionID); done {
		return
	}
	if err := a.cfg.Store.MarkDelivered(r.Context(), entry.DistributionID); err != nil {
		a.cfg.Log.Warn("Delivery not written down", "host", entry.Group.Host, "snapshot_id", entry.SnapshotID, "error", err)
		return
	}
	a.delivered.Store(entry.DistributionID, nil)
}

func (a *API) writeConfig(w http.ResponseWriter, from origin, entry publish.Entry) int {
	h := w.Header()
	h.Set("ETag", strconv.Quote(entry.Hash))
	h.Add("Vary", "Accept-Encoding, Authorization")
	if matches(from.header.Values("If-None-Match"), entry.Hash) {
		w.WriteHeader(http.StatusNotModified)
		return http.StatusNotModified
	}
	var body []byte
	switch coding := negotiate(from.header.Values("Accept-Encoding")); {
	case from.scheme == auth.SchemeApp:
		body = envelop(http.StatusOK, "success", entry.Document.JSON())
	case coding == "zstd":
		h.Set("Content-Encoding", coding)
		body = entry.Document.Zstd()
	case coding == "gzip":
		h.Set("Content-Encoding", coding)
		body = entry.Document.Gzip
	default:
		body = entry.Document.JSON()
	}
	// RFC 9530 digests what is sent, after Content-Encoding; the whole representation is sent, so its digest
	// is the same. Slaves that decode before they look check config_hash, which covers the decoded document.
	sum := sha256.Sum256(body)
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	h.Set("Content-Digest", digest)
	h.Set("Repr-Digest", digest)
	return write(w, http.StatusOK, "application/json", body)
}

// matches reports whether If-None-Match names the hash (RFC 9110, section 13.1.2: weak comparison).
func matches(header []string, hash string) bool {
	for tag := range strings.SplitSeq(strings.Join(header, ","), ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" || tag == strconv.Quote(hash) {
			return true
		}
	}
	return false
}

// negotiate returns the content coding that Accept-Encoding (RFC 9110, section 12.5.3) likes best of
// zstd, gzip and identity, the smaller one when it likes two alike.
func negotiate(header []string) string {
	weights := map[string]float64{}
	for item := range strings.SplitSeq(strings.Join(header, ","), ",") {
		coding, params, _ := strings.Cut(item, ";")
		q := 1.0
		if text, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(params)), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(text, 64); err != nil {
				q = 0
			}
		}
		weights[strings.ToLower(strings.TrimSpace(coding))] = q
	}
	best, most := "identity", 0.0
	for _, coding := range []string{"zstd", "gzip", "identity"} {
		q, named := weights[coding]
		if !named && coding != "identity" {
			q = weights["*"]
		}
		if q > most {
			best, most = coding, q
		}
	}
	return best
}
