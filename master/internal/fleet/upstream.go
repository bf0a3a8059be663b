package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/uhdadmin/media-gateway/master/internal/field"
)

const (
	maxTargets = 64
	maxWeight  = 1000
)

// errUpstream is the cure for JSON of another shape.
var errUpstream = errors.New(`upstream must be "host:port" or a list of {"address": "host:port", "weight": 1}`)

// UnmarshalJSON accepts "host:port", or a list of {address, weight} in which an absent weight is 1.
func (u *Upstream) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*u = nil
		return nil
	}
	var address string
	if json.Unmarshal(b, &address) == nil {
		*u = nil
		if address != "" {
			*u = Upstream{{Address: address, Weight: 1}}
		}
		return nil
	}
	var list []struct {
		Address string `json:"address"`
		Weight  *int   `json:"weight"`
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&list); err != nil {
		return errUpstream
	}
	*u = make(Upstream, len(list))
	for i, t := range list {
		(*u)[i] = Target{Address: t.Address, Weight: 1}
		if t.Weight != nil {
			(*u)[i].Weight = *t.Weight
		}
	}
	return nil
}

// MarshalJSON writes one target of weight 1 as "host:port", all else as a list.
func (u Upstream) MarshalJSON() ([]byte, error) {
	if len(u) == 1 && u[0].Weight == 1 {
		return json.Marshal(u[0].Address)
	}
	if u == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]Target(u))
}

func (u Upstream) check(errs *FieldErrors) {
	if len(u) == 0 {
		errs.Add("upstream", "must name at least one media server, as in 203.0.113.10:8096")
	}
	if len(u) > maxTargets {
		errs.Add("upstream", fmt.Sprintf("has %d targets, at most %d are allowed", len(u), maxTargets))
		return
	}
	for i, t := range u {
		location := fmt.Sprintf("upstream[%d]", i)
		errs.Check(location+".address", field.HostPort(t.Address))
		if t.Weight < 1 || t.Weight > maxWeight {
			errs.Add(location+".weight", fmt.Sprintf("must be a number from 1 to %d", maxWeight))
		}
	}
}
