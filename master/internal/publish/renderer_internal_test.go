package publish

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/recent"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// TestInputCoversEverything: whatever is another in what a group is rendered from, what is remembered of it is not taken.
func TestInputCoversEverything(t *testing.T) {
	var content store.Content
	fill(reflect.ValueOf(&content).Elem())
	group := fleet.Group{Host: "filled", ServiceType: "filled"}
	of := func(group fleet.Group, allowShrink bool) input {
		p := &Publisher{outcomes: recent.New[input, outcome](1)}
		r, err := p.renderer(content)
		if err != nil {
			t.Fatal(err)
		}
		from, err := r.input(group, allowShrink)
		if err != nil {
			t.Fatal(err)
		}
		return from
	}
	before := of(group, false)
	if before != of(group, false) {
		t.Fatal("the same input has two hashes")
	}
	if before == of(group, true) || before == of(fleet.Group{Host: "filled", ServiceType: api.Emby}, false) || before == of(fleet.Group{Host: "h", ServiceType: "filled"}, false) {
		t.Error("another group, or allow_shrink, has the same hash")
	}
	fields := 0
	each(reflect.ValueOf(&content).Elem(), "content", func(field string) {
		fields++
		if of(group, false) == before {
			t.Errorf("%s is another, and the hash is the same", field)
		}
	})
	if of(group, false) != before || fields < 150 {
		t.Errorf("%d fields were changed and changed back", fields)
	}
}

// fill gives every field a value, and every list and map one element.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1, 0).UTC()))
			return
		}
		for _, field := range v.Fields() {
			fill(field)
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			v.SetBytes([]byte("1"))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	default:
		other(v)
	}
}

// other gives a plain value another one.
func other(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "filled")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 2)
	case reflect.Float64:
		v.SetFloat(v.Float() + 2)
	default:
		panic(fmt.Sprintf("how is a %s changed?", v.Type()))
	}
}

// each calls check with each field in turn changed, and changes it back. Lists and maps are taken for being empty, too.
func each(v reflect.Value, name string, check func(name string)) {
	was := reflect.New(v.Type()).Elem()
	was.Set(v)
	changed := func(to reflect.Value) {
		v.Set(to)
		check(name)
		v.Set(was)
	}
	switch v.Kind() {
	case reflect.Pointer:
		changed(reflect.Zero(v.Type()))
		each(v.Elem(), name, check)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			changed(reflect.ValueOf(time.Unix(2, 0).UTC()))
			return
		}
		for of, field := range v.Fields() {
			each(field, name+"."+of.Name, check)
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			changed(reflect.ValueOf(json.RawMessage("2")))
			return
		}
		if name != "content.Servers" {
			changed(reflect.Zero(v.Type()))
		}
		each(v.Index(0), name+"[]", check)
	case reflect.Map:
		changed(reflect.Zero(v.Type()))
		key := v.MapKeys()[0]
		value := reflect.New(v.Type().Elem()).Elem()
		value.Set(v.MapIndex(key))
		each(value, name+"{}", func(name string) {
			held := reflect.New(value.Type()).Elem()
			held.Set(value)
			v.SetMapIndex(key, held)
			check(name)
		})
		v.SetMapIndex(key, value)
	default:
		other(v)
		check(name)
		v.Set(was)
	}
}
