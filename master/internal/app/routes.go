package app

import (
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/uhdadmin/media-gateway/master/internal/adminapi"
	"github.com/uhdadmin/media-gateway/master/internal/pages"
	"github.com/uhdadmin/media-gateway/master/internal/slaveapi"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// routes puts the APIs under their paths.
func routes(log *slog.Logger, admin, monitor, operators http.Handler, slaves *slaveapi.API) http.Handler {
	forSlaves := chi.NewMux()
	slaves.Mount(forSlaves)
	mux := http.NewServeMux()
	mux.Handle(api.PathMediaSlave+"/", forSlaves)
	mux.Handle(api.PathSlave+"/", forSlaves)
	mux.Handle("/api/v1/", admin)
	mux.Handle(pages.Prefix, operators)
	mux.Handle("GET /{$}", http.RedirectHandler(pages.Prefix, http.StatusSeeOther))
	mux.Handle("GET /healthz", monitor)
	mux.Handle("GET /readyz", monitor)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		adminapi.WriteProblem(w, http.StatusNotFound, "there is nothing at "+r.URL.Path+"; see /api/v1/openapi.json")
	})
	return resolveDots(surviveAndLog(log, mux))
}

// resolveDots takes dot segments and doubled slashes out of paths before they are routed. Agents in the
// field send /api/v1/media-slave/../slave/… literally and follow no redirect, which is what
// http.ServeMux would answer.
func resolveDots(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		clean := path.Clean("/" + r.URL.Path)
		if strings.HasSuffix(r.URL.Path, "/") && clean != "/" {
			clean += "/"
		}
		if clean != r.URL.Path {
			resolved := new(http.Request)
			*resolved = *r
			resolved.URL = new(url.URL)
			*resolved.URL = *r.URL
			resolved.URL.Path, resolved.URL.RawPath = clean, ""
			r = resolved
		}
		next.ServeHTTP(w, r)
	})
}

// surviveAndLog answers 500 to a request whose handler panics, and logs why.
func surviveAndLog(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch cause := recover(); cause {
			case nil:
			case http.ErrAbortHandler:
				panic(cause)
			default:
				log.Error("Request panicked", "method", r.Method, "path", r.URL.Path, "cause", cause, "stack", string(debug.Stack()))
				adminapi.WriteProblem(w, http.StatusInternalServerError, "internal error: the master's log has its cause")
			}
		}()
		next.ServeHTTP(w, r)
	})
}
