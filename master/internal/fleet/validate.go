package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/uhdadmin/media-gateway/master/internal/field"
	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

// Defaults of a new server, and bounds of its texts.
const (
	DefaultListenHTTP  = 80
	DefaultListenHTTPS = 443
	DefaultLuaRoot     = "/opt/slave/lua"

	maxName   = 100
	maxNote   = 2000
	maxCustom = 64 << 10
)

// NewServer returns what a request for a new server is decoded onto, so that what it leaves out has its
// default and an explicit 0 or false stays.
func NewServer() Server {
	s := Server{Enabled: true}
	s.UpstreamTLSVerify = true
	s.SetDefaults()
	return s
}

// SetDefaults fills what is missing and brings names and addresses into the form in which they are
// compared and rendered. Ports get their defaults only when both are 0: one alone may be 0 on purpose.
func (s *Server) SetDefaults() {
	if s.ListenHTTP == 0 && s.ListenHTTPS == 0 {
		s.ListenHTTP, s.ListenHTTPS = DefaultListenHTTP, DefaultListenHTTPS
	}
	s.LuaRoot = cmp.Or(s.LuaRoot, DefaultLuaRoot)
	s.Name = strings.TrimSpace(s.Name)
	s.Host = field.CanonicalHost(s.Host)
	s.ServerName = field.CanonicalHostname(s.ServerName)
	s.Upstream.SetDefaults()
	s.UpstreamTLS.SetDefaults()
}

// TLS reports whether the server listens for HTTPS.
func (s *Server) TLS() bool { return s.SSLCertPath != "" && s.ListenHTTPS != 0 }

// Validate returns FieldErrors for what is not accepted after SetDefaults, or nil. What it accepts cannot add a directive to the rendered file, but for CustomNginx, which
// cannot leave its server block.
func (s *Server) Validate() error {
	var errs FieldErrors
	errs.Check("name", field.Name(s.Name, maxName))
	errs.Check("service_type", field.OneOf(s.ServiceType, api.Emby, api.Jellyfin))
	errs.Check("host", field.Host(s.Host))
	errs.Check("server_name", field.ServerName(s.ServerName))
	s.Upstream.Check(&errs)
	s.CheckTLS(&errs, s.Upstream)
	s.checkListeners(&errs)
	errs.Check("lua_root", field.AbsolutePath(s.LuaRoot))
	errs.Check("custom_nginx", customNginx(s.CustomNginx))
	if s.ProfileID != nil && *s.ProfileID <= 0 {
		errs.Add("profile_id", "must be the id of a profile, or null for the default one")
	}
	errs.Check("note", field.Text(s.Note, maxNote))
	return errs.ErrorOrNil()
}

func (s *Server) checkListeners(errs *FieldErrors) {
	for _, p := range []struct {
		location string
		path     string
		other    string
	}{{"ssl_cert_path", s.SSLCertPath, s.SSLKeyPath}, {"ssl_key_path", s.SSLKeyPath, s.SSLCertPath}} {
		switch {
		case p.path != "":
			errs.Check(p.location, field.AbsolutePath(p.path))
		case p.other != "":
			errs.Add(p.location, "is missing: TLS needs certificate and key; leave both empty for none")
		}
	}
	for _, p := range []struct {
		location string
		port     int
	}{{"listen_http", s.ListenHTTP}, {"listen_https", s.ListenHTTPS}} {
		if p.port < 0 || p.port > 65535 {
			errs.Add(p.location, "must be a port from 1 to 65535, or 0 for none")
		}
	}
	switch {
	case s.ListenHTTP == 0 && !s.TLS():
		errs.Add("listen_http", "must be a port when there is no certificate: the server would listen nowhere")
	case s.TLS() && s.ListenHTTP == s.ListenHTTPS:
		errs.Add("listen_https", "must differ from listen_http")
	}
}

// customNginx checks raw nginx for the inside of a server block. Only its syntax: what a directive may
// do there nginx says when the configuration is tested.
func customNginx(text string) error {
	if len(text) > maxCustom {
		return fmt.Errorf("has %d bytes, at most %d are allowed", len(text), maxCustom)
	}
	if _, err := nginxconf.Parse([]byte(text)); err != nil {
		if e, ok := errors.AsType[*nginxconf.SyntaxError](err); ok && e.Message == `unexpected "}"` {
			return fmt.Errorf("%w: it closes a block that it did not open", err)
		}
		return fmt.Errorf("%w: it must be whole directives, each ending in ; or a closed {…}", err)
	}
	return nil
}
