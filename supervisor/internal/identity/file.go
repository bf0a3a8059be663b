package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/uhdadmin/media-gateway/supervisor/internal/durable"
)

// document is the file: bindings by last use.
type document struct {
	Bindings []*binding `json:"bindings"`
}

// load reads the file; without one there is nothing to know yet.
func (b *Book) load() error {
	data, err := os.ReadFile(b.cfg.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return durable.Cured(err)
	}
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range d.Bindings {
		if n != nil && check(n.User) == nil {
			b.put(n)
		}
	}
	b.expire()
	return nil
}

// save writes what has changed. The file names users and the hashes of their tokens: nobody else may read
// it. What cannot be written stays to be written.
func (b *Book) save() error {
	d, changed := b.takeChanges()
	if !changed {
		return nil
	}
	data, err := json.Marshal(d)
	if err == nil {
		err = durable.WriteFile(b.cfg.Path, append(data, '\n'), 0o600)
	}
	if err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.noteChange()
		return fmt.Errorf("save known tokens: %w", err)
	}
	return nil
}

// takeChanges returns a copy of all bindings, to be written without the lock, if any has changed.
func (b *Book) takeChanges() (d document, changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.dirty {
		return d, false
	}
	b.dirty = false
	b.expire()
	d.Bindings = make([]*binding, 0, b.order.Len())
	for e := b.order.Front(); e != nil; e = e.Next() {
		n := *e.Value.(*binding)
		d.Bindings = append(d.Bindings, &n)
	}
	return d, true
}
