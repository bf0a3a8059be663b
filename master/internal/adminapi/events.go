package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/events"
)

const (
	// keepAlive is how often a stream says something even when there are no news: for proxies, which end what is silent, and to
	// end itself when its login does not hold any more.
	keepAlive = 15 * time.Second
	// eventPatience is how long a listener may not read.
	eventPatience = 10 * time.Second
	eventStream   = "text/event-stream"
)

type eventsInput struct {
	Accept        string   `header:"Accept" doc:"text/event-stream: the answer has no end, so it must be asked for"`
	Authorization string   `header:"Authorization" hidden:"true"`
	Topics        []string `query:"topics" enum:"sessions,distributions,rollouts,servers,hosts,limits,minute" doc:"only these; all when absent"`
}

// Event is one of the stream's. It is exported for huma, as FormatInput is.
type Event struct {
	Topics []events.Topic `json:"topics" doc:"what has changed; of the first event, all that were asked for"`
}

func (s *server) registerEvents() {
	register(s, tagged(huma.Operation{
		OperationID: "stream-events", Summary: "Hear what changes, as server-sent events",
		Description: "An event names topics of which something has changed since it was last read, at most one a second; it is " +
			"up to who listens to read them again. `hosts` are heartbeats, told every 10 s; `minute` comes every minute. A comment keeps the stream alive every " +
			"15 s; it ends when the login does. Each user, or API key, may have 16 streams at a time (429).",
		Method: http.MethodGet, Path: "events", Errors: []int{http.StatusNotAcceptable, http.StatusTooManyRequests},
		Responses: map[string]*huma.Response{"200": {
			Description: "event: change, with data as in {\"topics\": [\"sessions\"]}",
			Content:     map[string]*huma.MediaType{eventStream: {Schema: &huma.Schema{Type: huma.TypeString}}},
		}},
	}, "events"), account.Viewer, func(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
		if !strings.Contains(in.Accept, eventStream) {
			return nil, huma.NewError(http.StatusNotAcceptable, "this answer has no end: ask for it with Accept: "+eventStream)
		}
		topics := make([]events.Topic, len(in.Topics))
		for i, t := range in.Topics {
			topics[i] = events.Topic(t)
		}
		listener, err := s.Events.Listen(listenerName(principalOf(ctx)), topics)
		switch {
		case errors.Is(err, events.ErrTooMany):
			return nil, &withHeader{huma.Error429TooManyRequests(err.Error()), http.Header{"Retry-After": {"30"}}}
		case err != nil:
			return nil, &withHeader{huma.Error503ServiceUnavailable(err.Error()), http.Header{"Retry-After": {"5"}}}
		}
		return &huma.StreamResponse{Body: func(ctx huma.Context) {
			defer listener.Close()
			_ = s.streamEvents(ctx, listener, in.Authorization) // the listener is gone, or may not listen any more
		}}, nil
	})
}

func listenerName(p auth.Principal) string { return fmt.Sprintf("user %d key %d", p.UserID, p.KeyID) }

// streamEvents writes news until the listener leaves, its login does not hold any more, or the master stops.
func (s *server) streamEvents(ctx huma.Context, l *events.Listener, authorization string) error {
	_, w := humachi.Unwrap(ctx)
	out := http.NewResponseController(w)
	send := func(text string) error {
		if err := out.SetWriteDeadline(time.Now().Add(eventPatience)); err != nil {
			return err
		}
		if _, err := w.Write([]byte(text)); err != nil {
			return err
		}
		return out.Flush()
	}
	w.Header().Set("Content-Type", eventStream)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // an nginx in front passes events on as they come
	if err := send("retry: 3000\n\n"); err != nil {
		return err
	}
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	for {
		text := ": alive\n\n"
		select {
		case _, open := <-l.Ready():
			if !open {
				return nil
			}
			data, err := json.Marshal(Event{l.Take()})
			if err != nil {
				return err
			}
			text = "event: change\ndata: " + string(data) + "\n\n"
		case <-alive.C:
		case <-ctx.Context().Done():
			return ctx.Context().Err()
		}
		if _, err := s.Admins.Again(ctx.Context(), authorization); err != nil {
			return err
		}
		if err := send(text); err != nil {
			return err
		}
	}
}
