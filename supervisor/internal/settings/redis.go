package settings

import (
	"strconv"
	"time"
	_ "time/tzdata" // images without zone files know USAGE_TIMEZONE too

	"github.com/redis/go-redis/v9"

	"github.com/uhdadmin/media-gateway/supervisor/internal/redisconn"
)

// Redis returns where Redis is, or nil when the slave has none.
func (s *Settings) Redis() (*redis.UniversalOptions, error) {
	if s.RedisURL != "" {
		options, err := redisconn.Parse(s.RedisURL)
		if err != nil {
			return nil, wrong("REDIS_URL", err.Error(), redisconn.Takes)
		}
		return options, nil
	}
	if s.RedisHost == "" {
		return nil, nil
	}
	if s.RedisPort < 1 || s.RedisPort > 65535 {
		return nil, wrong("REDIS_PORT", "is "+strconv.Itoa(s.RedisPort), "1 to 65535")
	}
	if s.RedisDB < 0 {
		return nil, wrong("REDIS_DB", "is "+strconv.Itoa(s.RedisDB), "a number from 0")
	}
	return redisconn.Single(s.RedisHost, s.RedisPort, s.RedisDB, s.RedisPassword), nil
}

// Zone is the zone of USAGE_TIMEZONE.
func (s *Settings) Zone() *time.Location {
	zone, err := time.LoadLocation(s.UsageTimezone)
	if err != nil {
		return time.UTC // Load has refused it
	}
	return zone
}
