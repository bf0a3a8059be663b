package nginx

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// Decision is what nginx's workers do to the requests and running transfers of one value of a dimension:
// a line of `PUT /decisions`.
type Decision struct {
	Dimension       string `json:"dimension"` // ip, user, device, global or session
	Value           string `json:"value"`     // "" for global
	Scope           string `json:"scope"`     // the media server it is about; "": all of this slave
	Action          string `json:"action"`    // reject or throttle
	ThrottleRateBps int64  `json:"throttle_rate_bps"`
	Reason          string `json:"reason"` // ban, quota_requests, quota_bandwidth or kicked
	RuleID          int64  `json:"rule_id"`
	Until           *int64 `json:"until"` // Unix seconds; nil: until lifted

	BytesLeft int64 `json:"bytes_left,omitempty"` // of ActionCount
}

// ActionCount lets nginx count down itself what is left of a bandwidth quota that is nearly exhausted: a
// transfer ends when it is, without waiting for anybody.
const ActionCount = "count"

// PushDecisions makes the whole set what every worker goes by a moment later. Versions rise: nginx keeps
// the newest. A refused set (*RefusedError) changes nothing.
func (s *Server) PushDecisions(ctx context.Context, version int64, set []Decision) error {
	body, err := json.Marshal(struct {
		Version   int64      `json:"version"`
		Decisions []Decision `json:"decisions"`
	}{version, append([]Decision{}, set...)}) // an empty set is [], not null
	if err != nil {
		return err
	}
	if err := s.admin.call(ctx, http.MethodPut, "/decisions", jsonHeader(), body, &struct{}{}); err != nil {
		return fmt.Errorf("push decisions: %w", err)
	}
	return nil
}

// User binds a token, by its hash, to the user it was given to.
type User struct {
	Scope     string `json:"scope"`      // the media server that the token is of
	TokenHash string `json:"token_hash"` // SHA-256, hex
	UserID    string `json:"user_id"`
	ValidFor  int64  `json:"valid_for,omitempty"` // seconds, after which nginx asks again; 0: its own time
}

// usersPerPush keeps a body well below what the admin socket takes.
const usersPerPush = 5000

// PushUsers adds users to what nginx knows.
func (s *Server) PushUsers(ctx context.Context, users []User) error {
	for part := range slices.Chunk(users, usersPerPush) {
		body, err := json.Marshal(map[string][]User{"users": part})
		if err != nil {
			return err
		}
		if err := s.admin.call(ctx, http.MethodPut, "/users", jsonHeader(), body, &struct{}{}); err != nil {
			return fmt.Errorf("push users: %w", err)
		}
	}
	return nil
}

// Usage is what nginx knows of running transfers beyond what was confirmed.
type Usage struct {
	Epoch string            `json:"epoch"` // the count that numbers are of; another one after a start of nginx
	Usage []json.RawMessage `json:"usage"` // records, each with its number as seq, oldest first
}

// UsageQuery says which records are wanted.
type UsageQuery struct {
	Epoch string // the count that After is of; "": none
	After int64  // number of the last record that is kept elsewhere: nginx forgets it and all before it
	Limit int    // of records
	Close bool   // no more are made: what transfers send from now on is in their lines of the access log alone
}

// Usage confirms records and returns those that follow. Records that are not confirmed come again.
func (s *Server) Usage(ctx context.Context, q UsageQuery) (Usage, error) {
	query := url.Values{"epoch": {q.Epoch}, "after": {strconv.FormatInt(q.After, 10)}, "max": {strconv.Itoa(q.Limit)}}
	if q.Close {
		query.Set("close", "1")
	}
	var answer Usage
	if err := s.admin.call(ctx, http.MethodPost, "/usage?"+query.Encode(), nil, nil, &answer); err != nil {
		return Usage{}, fmt.Errorf("take usage: %w", err)
	}
	return answer, nil
}
