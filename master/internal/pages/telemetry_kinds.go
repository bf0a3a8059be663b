package pages

import "slices"

// telemetryKind is one of the eleven kinds of telemetry as its page shows it. Its texts are "telemetry.PATH" and
// "telemetry.PATH.lead".
type telemetryKind struct {
	path    string   // as in the admin API
	columns []column // of the table
	more    []column // that stand behind each row, where they say something
	filters []field  // that the admin API takes, those asked for most first
}

// column shows a member of a row. Its head is the text "column.NAME".
type column struct {
	Name string
	As   format
}

// IsNumber reports whether values stand at the right of their column.
func (c column) IsNumber() bool {
	return slices.Contains([]format{asCount, asBytes, asMicros, asAverage, asTicks}, c.As)
}

// format is how a member is written.
type format string

const (
	asText      format = ""
	asCode      format = "code"
	asTime      format = "time"
	asDay       format = "day"  // a day of UTC
	asHour      format = "hour" // an hour, in the visitor's zone
	asCount     format = "count"
	asBytes     format = "bytes"
	asMicros    format = "micros"  // microseconds
	asAverage   format = "average" // request_time_us over requests
	asTicks     format = "ticks"   // 100 ns, of a film
	asFlag      format = "flag"
	asStatus    format = "status" // of HTTP; 0: there was none
	asOption    format = "option" // a word that has a text
	asVerdict   format = "verdict"
	asReason    format = "reason" // leads to why it was refused
	asRule      format = "rule"   // leads to the rule, which the reason tells the resource of
	asServer    format = "server"
	asClient    format = "client"    // with its version
	asDevice    format = "device"    // its name, of which the id is the filter
	asUser      format = "user"      // the id, behind the name where it is known
	asRequestID format = "requestid" // leads to why it was refused
)

var (
	byServer  = field{Name: "server_id", Kind: oneOf, Of: "servers"}
	byUser    = field{Name: "user_id"}
	byIP      = field{Name: "ip"}
	byClient  = field{Name: "client_name"}
	byDevice  = field{Name: "device_id"}
	byItem    = field{Name: "item_id"}
	bySession = field{Name: "play_session_id"}
	byRequest = field{Name: "request_id"}
	byRule    = field{Name: "rule"}
	byReason  = field{Name: "reason", Kind: choice, Options: reasons}
	byMethod  = field{Name: "method", Kind: choice, Options: []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}}
)

// yesNo is a filter on a flag.
func yesNo(name string) field {
	return field{Name: name, Kind: flag, Options: []string{"true", "false"}}
}

// reasons of refusals, as players are told; a test holds them to what package explain knows.
var reasons = []string{
	"ban", "client_not_allowed", "client_outdated", "client_unidentified", "denied_by_location", "denied_by_map", "kicked", "no_rules",
	"quota_bandwidth", "quota_requests", "rate_limited", "streams_exceeded", "uri_blocked",
}

var telemetryKinds = []*telemetryKind{
	{
		path: "access-logs",
		columns: []column{
			{"time", asTime},
			{"verdict", asVerdict},
			{"reason", asReason},
			{"status", asStatus},
			{"method", asText},
			{"uri", asCode},
			{"client_name", asClient},
			{"user_id", asUser},
			{"ip", asText},
			{"device_id", asDevice},
			{"server_id", asServer},
			{"bytes_sent", asBytes},
			{"request_time_us", asMicros},
		},
		more: []column{
			{"rule", asRule},
			{"request_id", asRequestID},
			{"upstream_status", asStatus},
			{"upstream_time_us", asMicros},
			{"accounted", asBytes},
			{"streaming", asFlag},
			{"item_id", asText},
			{"play_session_id", asText},
			{"server_name", asText},
			{"profile", asCode},
			{"client_kind", asText},
			{"user_agent", asCode},
		},
		filters: []field{
			byUser, byIP, byClient, byServer,
			{Name: "status", Kind: integer},
			{Name: "verdict", Kind: choice, Options: []string{"allow", "reject", "throttle", "warn"}},
			byReason, byRule, byMethod, byDevice, byItem, bySession, byRequest,
		},
	},
	{
		path: "blocked-requests",
		columns: []column{
			{"time", asTime},
			{"reason", asReason},
			{"rule", asRule},
			{"status", asStatus},
			{"method", asText},
			{"uri", asCode},
			{"client_name", asClient},
			{"user_id", asUser},
			{"ip", asText},
			{"device_id", asDevice},
			{"server_id", asServer},
		},
		more:    []column{{"request_id", asRequestID}, {"server_name", asText}, {"profile", asCode}, {"client_kind", asText}, {"user_agent", asCode}},
		filters: []field{byReason, byUser, byIP, byClient, byServer, byRule, byDevice, byRequest},
	},
	{
		path: "login-events",
		columns: []column{
			{"time", asTime},
			{"success", asFlag},
			{"user_id", asUser},
			{"ip", asText},
			{"client_name", asClient},
			{"device_id", asDevice},
			{"server_id", asServer},
			{"event", asOption},
		},
		filters: []field{yesNo("success"), {Name: "user_name"}, byUser, byIP, byClient, byServer, byDevice, {Name: "event"}},
	},
	{
		path: "playback-events",
		columns: []column{
			{"time", asTime},
			{"event", asOption},
			{"item_id", asText},
			{"position_ticks", asTicks},
			{"is_paused", asFlag},
			{"user_id", asUser},
			{"client_name", asClient},
			{"device_id", asDevice},
			{"ip", asText},
			{"server_id", asServer},
			{"play_session_id", asText},
		},
		filters: []field{
			{Name: "event", Kind: choice, Options: []string{"start", "progress", "stop"}}, byUser, byItem, byIP, byClient, byServer, byDevice, bySession,
		},
	},
	{
		path: "playback-sessions",
		columns: []column{
			{"last_seen_at", asTime},
			{"started_at", asTime},
			{"stopped_at", asTime},
			{"user_id", asUser},
			{"item_id", asText},
			{"position_ticks", asTicks},
			{"client_name", asClient},
			{"device_id", asDevice},
			{"ip", asText},
			{"server_id", asServer},
			{"requests", asCount},
			{"bytes", asBytes},
			{"play_session_id", asText},
		},
		filters: []field{byUser, byItem, byIP, byClient, byServer, byDevice, bySession},
	},
	{
		path: "devices",
		columns: []column{
			{"last_seen_at", asTime},
			{"device_id", asDevice},
			{"client_name", asClient},
			{"user_id", asUser},
			{"ip", asText},
			{"server_id", asServer},
			{"first_seen_at", asTime},
			{"requests", asCount},
		},
		filters: []field{byUser, byIP, byClient, byServer, byDevice},
	},
	{
		path: "user-activities",
		columns: []column{
			{"day", asDay},
			{"user_id", asUser},
			{"server_id", asServer},
			{"requests", asCount},
			{"refused", asCount},
			{"bytes", asBytes},
			{"first_seen_at", asTime},
			{"last_seen_at", asTime},
		},
		filters: []field{byUser, byServer},
	},
	{
		path: "realtime-sessions",
		columns: []column{
			{"reported_at", asTime},
			{"started_at", asTime},
			{"user_id", asUser},
			{"item_id", asText},
			{"is_playing", asFlag},
			{"is_paused", asFlag},
			{"client_name", asText},
			{"device_id", asDevice},
			{"ip", asText},
			{"server_id", asServer},
			{"bytes", asBytes},
			{"play_session_id", asText},
			{"session_id", asText},
		},
		filters: []field{byUser, byItem, byIP, byClient, byServer, yesNo("is_playing"), yesNo("is_paused"), byDevice, bySession},
	},
	{
		path: "api-calls",
		columns: []column{
			{"hour", asHour},
			{"method", asText},
			{"endpoint", asCode},
			{"server_id", asServer},
			{"requests", asCount},
			{"refused", asCount},
			{"errors_4xx", asCount},
			{"errors_5xx", asCount},
			{"bytes", asBytes},
			{"average", asAverage},
		},
		filters: []field{{Name: "endpoint"}, byMethod, byServer},
	},
	{
		path: "bandwidth",
		columns: []column{
			{"hour", asHour}, {"user_id", asUser}, {"device_id", asText}, {"ip", asText}, {"server_id", asServer}, {"requests", asCount}, {"bytes", asBytes},
		},
		filters: []field{byUser, byIP, byServer, byDevice},
	},
	{
		path: "media-access",
		columns: []column{
			{"day", asDay},
			{"user_id", asUser},
			{"item_id", asText},
			{"server_id", asServer},
			{"plays", asCount},
			{"requests", asCount},
			{"bytes", asBytes},
			{"first_access_at", asTime},
			{"last_access_at", asTime},
		},
		filters: []field{byUser, byItem, byServer},
	},
}

// telemetryKindAt returns the kind of that path, nil for none.
func telemetryKindAt(path string) *telemetryKind {
	for _, k := range telemetryKinds {
		if k.path == path {
			return k
		}
	}
	return nil
}
