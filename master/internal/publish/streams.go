package publish

import (
	"encoding/json"
	"regexp"
	"sync"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// blockIDs are how a rendered server block says which media server it is, and by which profile it goes.
var blockIDs = regexp.MustCompile(`set \$config_profile_id "([0-9]+)";\s+set \$config_server_id "([0-9]+)";`)

// StreamLimit returns the limit of concurrent streams that the document sets for a user of a media server,
// and whether it serves that one. scope: the server's id.
func (d *Document) StreamLimit(scope string) (api.ConcurrentStreams, bool) {
	limit, ok := d.streams()[scope]
	return limit, ok
}

// lazyStreams reads the limits when a slave first checks a playback in.
func (d *Document) lazyStreams() func() map[string]api.ConcurrentStreams {
	return sync.OnceValue(func() map[string]api.ConcurrentStreams {
		var config api.Config
		if json.Unmarshal(d.JSON(), &config) != nil {
			return nil // of a master to come; then the slave's word counts
		}
		limits := map[string]api.ConcurrentStreams{}
		for _, ids := range blockIDs.FindAllStringSubmatch(config.RenderedNginx, -1) {
			if profile, ok := config.LuaConfigs[ids[1]]; ok {
				limits[ids[2]] = profile.ConcurrentStreams
			}
		}
		return limits
	})
}
