package configfile

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// FromJSON is Parse of a JSON object of sections, each a list of rows. It says no version, and errors have paths in place
// of lines.
func FromJSON(st *store.Store, text []byte) (*File, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var sections map[string]any
	if err := dec.Decode(&sections); err != nil {
		return nil, fmt.Errorf("read sections: %w", err)
	}
	doc := new(yaml.Node)
	if err := doc.Encode(plain(sections)); err != nil {
		return nil, fmt.Errorf("read sections: %w", err)
	}
	f := &File{kinds(st)}
	_, errs := f.parse(doc)
	return f, errs.orNil()
}

// ProfileRow returns a profile, stored or not, as a row of FromJSON's, that names what it selects. Of the fields that are at
// their default it has only those that say what it is about.
func ProfileRow(ctx context.Context, st *store.Store, p *library.Profile) (json.RawMessage, error) {
	var row form
	err := st.Atomically(ctx, func(ctx context.Context) error { // of one moment
		w := newWorld()
		all := kinds(st)
		at := slices.IndexFunc(all, func(k kind) bool { return k.name() == "profiles" })
		for _, k := range all[:at] {
			if _, err := k.export(ctx, w); err != nil {
				return about("export", k, err)
			}
		}
		profiles := all[at].(*section[library.Profile, *library.Profile])
		var err error
		if row, err = profiles.form(w, p); err != nil {
			return err
		}
		return profiles.shorten(row)
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(row)
}
