package nginxconf_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

func TestServers(t *testing.T) {
	ds, err := nginxconf.Parse([]byte(`upstream u { server 127.0.0.1:80; }
server {
    listen 80; listen [::]:443 ssl http2; listen 10.0.0.1:8443 ssl; listen unix:/run/x.sock; listen [fe80::1]; listen *:81; listen example.com;
    server_name a.com *.b.com ~^c;
    ssl_certificate /c.pem; ssl_certificate_key "/k 1.pem";
    location / { server_name not.me; }
}
http { server { listen 8080; } }
stream { server { listen 1; } }`))
	if err != nil {
		t.Fatal(err)
	}
	servers := nginxconf.Servers(ds)
	if len(servers) != 2 {
		t.Fatalf("%d servers, want 2", len(servers))
	}
	s := servers[0]
	if s.Line != 2 || !reflect.DeepEqual(s.Names, []string{"a.com", "*.b.com", "~^c"}) ||
		!reflect.DeepEqual(s.Certificates, []string{"/c.pem"}) || !reflect.DeepEqual(s.Keys, []string{"/k 1.pem"}) {
		t.Errorf("%+v", s)
	}
	var got []nginxconf.Listen
	for _, l := range s.Listens {
		l.Directive = nil
		got = append(got, l)
	}
	want := []nginxconf.Listen{
		{Raw: "80", Port: 80},
		{Raw: "[::]:443", Host: "::", Port: 443, SSL: true},
		{Raw: "10.0.0.1:8443", Host: "10.0.0.1", Port: 8443, SSL: true},
		{Raw: "unix:/run/x.sock", Unix: "/run/x.sock"},
		{Raw: "[fe80::1]", Host: "fe80::1", Port: 80},
		{Raw: "*:81", Port: 81},
		{Raw: "example.com", Host: "example.com", Port: 80},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("listens:\n got %+v\nwant %+v", got, want)
	}

	// A caller may change what it found.
	s.Listens[0].Directive.Args[0] = "unix:/run/y.sock"
	if text := string(nginxconf.Format(ds)); !strings.Contains(text, "listen unix:/run/y.sock;") {
		t.Errorf("the changed listen is not in\n%s", text)
	}
}
