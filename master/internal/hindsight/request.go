package hindsight

import (
	"database/sql"
	"strings"

	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// request is a row of access_logs, as far as rules look at it. Its texts hold until the next row is read.
type request struct {
	id, time, server    int64
	micros, upstream    int64
	ip, method, uri     sql.RawBytes
	client, version     sql.RawBytes
	kind, agent         sql.RawBytes
	device, user, token sql.RawBytes
	verdict, reason     sql.RawBytes
}

// columns of the rows in the order of fields. Those that no judge looks at are not read, which takes a third of the time.
func (j *judges) columns() string {
	needed := func(by bool, columns string) string {
		if by {
			return columns
		}
		return strings.Repeat("'', ", strings.Count(columns, ","))
	}
	return "id, time, server_id, request_time_us, upstream_status, " +
		needed(j.rates != nil, "ip, device_id, ") + needed(j.paths != nil, "uri, ") +
		needed(j.players != nil, "method, client_version, client_kind, user_agent, ") +
		"client_name, user_id, token_hash, verdict, reason"
}

func (r *request) fields() []any {
	return []any{
		&r.id, &r.time, &r.server, &r.micros, &r.upstream, &r.ip, &r.device, &r.uri, &r.method, &r.version, &r.kind, &r.agent,
		&r.client, &r.user, &r.token, &r.verdict, &r.reason,
	}
}

// refused reports whether it was refused then.
func (r *request) refused() bool { return string(r.verdict) == telemetry.VerdictReject }

// began is when it came, in milliseconds: time is when it ended.
func (r *request) began() int64 { return r.time - r.micros/1000 }

// metChain reports whether the access chain saw the request. nginx answers some by itself, such as redirects to HTTPS:
// of those nothing is known of who sent them, and the media server was not asked. Older agents do not say.
func (r *request) metChain() bool {
	switch string(r.reason) {
	case "denied_by_map", "denied_by_location":
		return false
	}
	return len(r.verdict) == 0 || r.refused() || r.upstream != 0 || len(r.client) > 0 || len(r.token) > 0
}
