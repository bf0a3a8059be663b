package settings

import "strconv"

// Limits keep a herd of slaves, or of guessed passwords, from taking all memory.
type Limits struct {
	MaxConnections int `env:"MAX_CONNECTIONS" envDefault:"30000" takes:"connections of the API at a time, from 10"`
	MaxConfigs     int `env:"MAX_CONFIG_REQUESTS" envDefault:"64" takes:"fetches of configurations that run at a time, from 1"`
	MaxReports     int `env:"MAX_TELEMETRY_REQUESTS" envDefault:"48" takes:"reports of telemetry that run at a time, from 1"`
	MaxLogins      int `env:"MAX_LOGINS" envDefault:"2" takes:"logins that are checked at a time, 19 MiB each, from 1"`
}

func (l *Limits) checkLimits() error {
	for _, limit := range []struct {
		name         string
		value, least int
		takes        string
	}{
		{"MAX_CONNECTIONS", l.MaxConnections, 10, "connections of the API at a time, from 10"},
		{"MAX_CONFIG_REQUESTS", l.MaxConfigs, 1, "fetches of configurations that run at a time, from 1"},
		{"MAX_TELEMETRY_REQUESTS", l.MaxReports, 1, "reports of telemetry that run at a time, from 1"},
		{"MAX_LOGINS", l.MaxLogins, 1, "logins that are checked at a time, from 1"},
	} {
		if limit.value < limit.least {
			return bad(limit.name, "is "+strconv.Itoa(limit.value), limit.takes)
		}
	}
	return nil
}
