package showcase

import (
	"context"
	"fmt"
	"net/http"
)

// addDrafts begins two configurations that nobody has applied: one that is ready, and one with something to mend.
func (f *Fleet) addDrafts(ctx context.Context) error {
	for _, d := range []struct {
		name     string
		step     int
		document row
	}{
		{"guests", 7, row{
			"players": []row{{"client_name": f.name("Infuse"), "min_version": "8.1", "service_type": "all", "enabled": true}},
			"uri-rules": []row{
				{"name": f.name("no sync"), "action": "block", "match_type": "prefix", "pattern": "/Sync", "service_type": "all", "enabled": true},
			},
		}},
		{"kids", 3, row{
			"players": []row{{"client_name": f.name("Fladder"), "min_version": "newest", "service_type": "all", "enabled": true}},
		}},
	} {
		var made struct{ ID int64 }
		if err := f.admin.Do(ctx, http.MethodPost, "drafts", row{"name": f.name(d.name), "service_type": "emby"}, &made); err != nil {
			return err
		}
		path := fmt.Sprintf("drafts/%d", made.ID)
		if err := f.admin.Do(ctx, http.MethodPatch, path, row{"step": d.step, "document": d.document}, nil); err != nil {
			return err
		}
	}
	return nil
}
