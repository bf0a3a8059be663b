package rollout

import (
	"errors"
	"strconv"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
)

// CanaryOptions of a canary. The zero value of a field is its default.
type CanaryOptions struct {
	Hosts          []string `json:"hosts,omitempty" doc:"these are the canaries; else count or percent says how many"`
	Count          int      `json:"count,omitempty" minimum:"0" doc:"of hosts; 1 when hosts, count and percent are absent"`
	Percent        int      `json:"percent,omitempty" minimum:"0" maximum:"100" doc:"of the hosts whose configuration changes, rounded up"`
	Soak           Duration `json:"soak,omitempty" example:"10m" doc:"how long the canaries are watched once they have applied it; 10m when absent"`
	AckTimeout     Duration `json:"ack_timeout,omitempty" example:"5m" doc:"how long to wait for the canaries to apply it; 5m when absent"`
	RequiredAcks   int      `json:"required_acks,omitempty" minimum:"0" doc:"how many canaries must apply it; all when absent"`
	MaxRefusalRate *float64 `json:"max_refusal_rate,omitempty" minimum:"0" maximum:"1" doc:"refused / requests; 0.2 when absent"`
	Max5xxRate     *float64 `json:"max_5xx_rate,omitempty" minimum:"0" maximum:"1" doc:"answers 5xx / requests; 0.05 when absent"`
	MinRequests    int64    `json:"min_requests,omitempty" minimum:"0" doc:"below which rates say nothing; 50 when absent"`
}

// Defaults of CanaryOptions.
const (
	defaultSoak        = 10 * time.Minute
	defaultAckTimeout  = 5 * time.Minute
	defaultRefusalRate = 0.2
	default5xxRate     = 0.05
	defaultMinRequests = 50
	longest            = 7 * 24 * time.Hour
)

// SetDefaults fills in what is absent.
func (o *CanaryOptions) SetDefaults() {
	if o.Count == 0 && o.Percent == 0 {
		o.Count = 1
	}
	if o.Soak == 0 {
		o.Soak = Duration(defaultSoak)
	}
	if o.AckTimeout == 0 {
		o.AckTimeout = Duration(defaultAckTimeout)
	}
	if o.MaxRefusalRate == nil {
		o.MaxRefusalRate = new(defaultRefusalRate)
	}
	if o.Max5xxRate == nil {
		o.Max5xxRate = new(default5xxRate)
	}
	if o.MinRequests == 0 {
		o.MinRequests = defaultMinRequests
	}
}

// Validate returns a fleet.FieldErrors.
func (o *CanaryOptions) Validate() error {
	var errs fleet.FieldErrors
	if o.Count < 0 || o.Count > 0 && o.Percent > 0 {
		errs.Add("canary.count", "takes a number of hosts from 1, without percent")
	}
	if o.Percent < 0 || o.Percent > 100 {
		errs.Add("canary.percent", "takes 1 to 100")
	}
	for field, d := range map[string]Duration{"canary.soak": o.Soak, "canary.ack_timeout": o.AckTimeout} {
		if d < 0 || time.Duration(d) > longest {
			errs.Add(field, "takes a time up to 168h")
		}
	}
	if o.RequiredAcks < 0 {
		errs.Add("canary.required_acks", "takes a number of canaries")
	}
	for field, rate := range map[string]*float64{"canary.max_refusal_rate": o.MaxRefusalRate, "canary.max_5xx_rate": o.Max5xxRate} {
		if rate != nil && (*rate < 0 || *rate > 1) {
			errs.Add(field, "takes a share, 0 to 1")
		}
	}
	if o.MinRequests < 0 {
		errs.Add("canary.min_requests", "takes a number of requests from 1")
	}
	return errs.ErrorOrNil()
}

// Duration is written as in 10m or 1h30m; a plain number is seconds.
type Duration time.Duration

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(text []byte) error {
	if seconds, err := strconv.ParseInt(string(text), 10, 32); err == nil {
		*d = Duration(time.Duration(seconds) * time.Second)
		return nil
	}
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return errors.New("takes a time as in 10m or 90s")
	}
	*d = Duration(parsed)
	return nil
}

// MarshalText writes it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d Duration) String() string { return time.Duration(d).String() }
