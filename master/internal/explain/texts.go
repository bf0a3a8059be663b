package explain

// texts holds what the reason codes of lua/uhd/deny.lua, and those that are rendered, mean. find adds the rules; nil where there are none.
var texts = map[string]struct {
	why, cure string
	find      func(*search)
}{
	"uri_blocked": {
		"The path is on the block list of the server's profile.",
		"Disable or narrow the uri-rule, or add one with action skip for this path, and publish.",
		(*search).uriRules,
	},
	"denied_by_map": {
		"A deny map of the server's profile is 1 for this request.",
		"Disable the nginx-map, or change its entries so that this request is 0 there; then publish.",
		(*search).denyMap,
	},
	"denied_by_location": {
		"A location rule refuses the path: it is of the kind deny, or one of its deny_maps is 1 for this request.",
		"Disable or narrow the location-rule, or take the map out of its deny_maps; then publish.",
		(*search).location,
	},
	"client_not_allowed": {
		"The client's name is not among the players that the server's profile lets in.",
		"Add a player with exactly this client_name, or, when the profile picks players, add it to player_ids; then publish.",
		(*search).profiles,
	},
	"client_outdated": {
		"The client's version is below the player's minimum version.",
		"Have the user update the client, or lower the player's min_version and publish.",
		(*search).players,
	},
	"client_unidentified": {
		"The request names no client, no ua_pattern of a player fits its User-Agent, and the profile refuses such clients.",
		"Add a ua_pattern to the player that this User-Agent belongs to, or set the profile's unidentified to allow; then publish.",
		(*search).profiles,
	},
	"ban": {
		"An enforcement refuses this address, user, device, or everybody.",
		"Delete or disable the enforcement, or wait until its effective_until. It is lifted at the slaves at once, without a publish.",
		(*search).bans,
	},
	"kicked": {
		"The playback was ended by an administrator, or had to make room for a newer one; it stays refused for some minutes.",
		"Start the playback anew. When it had to make room: raise max_streams of the stream rule, or set its action_on_exceed to reject.",
		(*search).streamLimits,
	},
	"rate_limited": {
		"There were more requests per second or minute than the rule allows.",
		"Raise rate_per_second, rate_burst or rate_per_minute of the rule, or set its over_action to throttle or warn; no publish is needed.",
		(*search).rateLimits,
	},
	"quota_requests": {
		"The number of requests of an hour, day, week or month is used up.",
		"Raise the rule's quota, or wait for the next period; no publish is needed.",
		(*search).rateLimits,
	},
	"quota_bandwidth": {
		"The bytes of an hour, day, week or month are used up.",
		"Raise the rule's bandwidth limit, set its over_action to throttle, or wait for the next period; no publish is needed.",
		(*search).rateLimits,
	},
	"streams_exceeded": {
		"As many streams as are allowed at once were running already.",
		"Stop another playback, or raise max_streams of the stream rule (no publish is needed) or of the profile's concurrent_streams (publish).",
		(*search).streamLimits,
	},
	"no_rules": {
		"The slave had no rules yet: it had just started without a configuration of its own.",
		"Look at the host under hosts: whether a configuration was published for it, and what became of it under distributions.",
		nil,
	},
}
