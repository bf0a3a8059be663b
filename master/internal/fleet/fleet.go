// Package fleet is the domain of servers, hosts and slave tokens: what an operator registers and which
// values are accepted.
package fleet

import (
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// Server is one media server behind a gateway: one server block of its host's configuration.
type Server struct {
	ID          int64           `json:"id" bun:",pk,autoincrement"`
	Name        string          `json:"name"`
	ServiceType api.ServiceType `json:"service_type"`
	Host        string          `json:"host"`        // groups servers: one slave serves all servers of a host and service type
	ServerName  string          `json:"server_name"` // domain, as in nginx's server_name; one name
	Upstream    Upstream        `json:"upstream"`
	UpstreamTLS
	SSLCertPath string    `json:"ssl_cert_path"` // both empty: no TLS, no redirect
	SSLKeyPath  string    `json:"ssl_key_path"`
	ListenHTTP  int       `json:"listen_http"`  // port; 0: none
	ListenHTTPS int       `json:"listen_https"` // port; used only with a certificate
	LuaRoot     string    `json:"lua_root"`     // where that slave's Lua tree is
	CustomNginx string    `json:"custom_nginx"` // raw nginx inside the server block
	ProfileID   *int64    `json:"profile_id"`   // nil: the service type's default profile
	Enabled     bool      `json:"enabled"`
	Note        string    `json:"note"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	Revision    int64     `json:"revision"` // rises with every write; the ETag
}

// Upstream is where a server's requests go: on the wire either "host:port" or a list of targets.
type Upstream []Target

// Target is one address of an upstream. Names are looked up by the slave while it runs, so they need not
// resolve, or not yet, when a configuration is loaded; what tells targets apart that fail needs addresses.
type Target struct {
	Address     string `json:"address"`                // host:port
	Weight      int    `json:"weight"`                 // 1 when absent
	Backup      bool   `json:"backup,omitempty"`       // only while all others fail
	MaxFails    *int   `json:"max_fails,omitempty"`    // failures before it is left alone; nil: 1; 0: never
	FailTimeout int    `json:"fail_timeout,omitempty"` // seconds in which they are counted, and for which it is left alone; 0: 10
}

// UpstreamTLS says how an upstream is spoken to.
type UpstreamTLS struct {
	UpstreamScheme    string `json:"upstream_scheme" bun:"upstream_scheme"`           // http or https
	UpstreamTLSVerify bool   `json:"upstream_tls_verify" bun:"upstream_tls_verify"`   // its certificate must be valid for its name
	UpstreamTLSName   string `json:"upstream_tls_name" bun:"upstream_tls_name"`       // for SNI and the certificate; "": the host of the first target
	UpstreamTLSCAPath string `json:"upstream_tls_ca_path" bun:"upstream_tls_ca_path"` // bundle of CAs on the slave
}

// Group is what one slave serves: all enabled servers of a host with one service type.
type Group struct {
	Host        string          `json:"host"`
	ServiceType api.ServiceType `json:"service_type"`
}

// Token lets one slave in. The token itself is shown once and kept only as its SHA-256.
type Token struct {
	ID         int64      `json:"id" bun:",pk,autoincrement"`
	ServerID   int64      `json:"server_id"`
	Name       string     `json:"name"`
	Prefix     string     `json:"prefix"` // first characters, to tell tokens apart
	Hash       string     `json:"-"`      // hex SHA-256 of the token
	Scopes     []string   `json:"scopes"` // media_slave:{server id}
	ExpiresAt  *time.Time `json:"expires_at"`
	RevokedAt  *time.Time `json:"revoked_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	CreatedAt  time.Time  `json:"created_at"`
}
