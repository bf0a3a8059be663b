// Package redisconn turns an operator's settings into a client of Redis, in each form that Redis is run in: one
// server, a primary that Sentinel watches, a Cluster; with or without TLS.
//
// Nothing on the way of a request waits for Redis, and whoever does wait has something better to do: so calls
// have short timeouts and few retries, and their callers go on without.
package redisconn

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Timeout bounds connecting, sending and receiving, each. Redis answers within a millisecond; one that takes
// longer than this is treated as gone.
const Timeout = 500 * time.Millisecond

// Takes says which forms Parse takes.
const Takes = "redis://[user:password@]host[:6379][/db], redis+sentinel://[user:password@]sentinel[:26379],…/primary-name[/db] or " +
	"redis+cluster://[user:password@]node[:6379],…; rediss… for TLS, ?ca=/path/ca.pem for a private authority, " +
	"?sentinel_password=… where the sentinels have one"

// Single returns the options of one server without TLS.
func Single(host string, port, db int, password string) *redis.UniversalOptions {
	return withDefaults(&redis.UniversalOptions{Addrs: []string{net.JoinHostPort(host, strconv.Itoa(port))}, DB: db, Password: password})
}

// Parse returns the options that a URL of one of the forms of Takes stands for. Its errors do not repeat the
// URL, which may hold a password.
func Parse(text string) (*redis.UniversalOptions, error) {
	u, hosts, err := split(text)
	if err != nil {
		return nil, err
	}
	o := &redis.UniversalOptions{Username: u.User.Username()}
	o.Password, _ = u.User.Password()
	transport, form, _ := strings.Cut(u.Scheme, "+")
	path := strings.FieldsFunc(u.Path, func(r rune) bool { return r == '/' })
	port := "6379"
	switch form {
	case "":
		if len(hosts) > 1 {
			return nil, errors.New("names several hosts but neither +sentinel nor +cluster")
		}
	case "sentinel":
		if len(path) == 0 {
			return nil, errors.New("names no primary: sentinel://…/primary-name")
		}
		port, o.MasterName, path = "26379", path[0], path[1:]
	case "cluster":
		o.IsClusterMode = true
	default:
		return nil, fmt.Errorf("has the scheme %s", u.Scheme)
	}
	for _, host := range hosts {
		o.Addrs = append(o.Addrs, withPort(host, port))
	}
	if o.DB, err = database(path, form); err != nil {
		return nil, err
	}
	query := u.Query()
	o.SentinelUsername, o.SentinelPassword = query.Get("sentinel_user"), query.Get("sentinel_password")
	switch transport {
	case "redis":
	case "rediss":
		if o.TLSConfig, err = tlsConfig(query.Get("ca")); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("has the scheme %s", u.Scheme)
	}
	return withDefaults(o), nil
}

// split parses the URL but for its list of hosts, which net/url takes no more than one of.
func split(text string) (*url.URL, []string, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return nil, nil, errors.New("is no URL")
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	user, hosts := "", rest[:end]
	if at := strings.LastIndex(hosts, "@"); at >= 0 {
		user, hosts = hosts[:at+1], hosts[at+1:]
	}
	if hosts == "" {
		return nil, nil, errors.New("names no host")
	}
	u, err := url.Parse(scheme + "://" + user + "host" + rest[end:])
	if err != nil {
		return nil, nil, errors.New("is no URL: a %, / or @ in the password is written %25, %2F, %40")
	}
	return u, strings.Split(hosts, ","), nil
}

func withPort(host, port string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

func database(path []string, form string) (int, error) {
	if len(path) == 0 {
		return 0, nil
	}
	db, err := strconv.Atoi(path[0])
	if err != nil || db < 0 || len(path) > 1 || form == "cluster" && db != 0 {
		return 0, errors.New("has a path that is no number of a database")
	}
	return db, nil
}

// tlsConfig trusts the system's authorities, or the ones in a PEM file alone.
func tlsConfig(ca string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12} // the client sets the server name of each connection
	if ca == "" {
		return config, nil
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("has a ca that cannot be read: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("has a ca, %s, without a certificate in PEM", ca)
	}
	return config, nil
}

func withDefaults(o *redis.UniversalOptions) *redis.UniversalOptions {
	o.ClientName = "uhd-supervisor"
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = Timeout, Timeout, Timeout, Timeout
	o.DialerRetries = 1
	o.MaxRetries = 1 // a kept connection that the server has closed is no failure
	o.ContextTimeoutEnabled = true
	o.PoolSize = 8 // a few parts of one program, none of which sends many calls at once
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled} // Redis Cloud's alone
	return o
}
