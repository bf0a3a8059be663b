package field_test

import (
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/master/internal/field"
)

// table checks which values a function takes.
func table(t *testing.T, name string, check func(string) error, good, bad []string) {
	t.Helper()
	for _, s := range good {
		if err := check(s); err != nil {
			t.Errorf("%s(%q) = %v", name, s, err)
		}
	}
	for _, s := range bad {
		if err := check(s); err == nil {
			t.Errorf("%s(%q) is accepted", name, s)
		}
	}
}

func TestText(t *testing.T) {
	line := func(s string) error { return field.Line(s, 10) }
	table(t, "Line", line, []string{"", "媒体 服务器", "a\u3000b", "👨\u200d👩", strings.Repeat("媒", 10)},
		[]string{"a\nb", "a\x00", "\u202eevil", "\xff", "\u2028", strings.Repeat("a", 11), "\x7f"})
	table(t, "Name", func(s string) error { return field.Name(s, 10) }, []string{"a", "客厅 <1>"},
		[]string{"", " ", "\u3000", "a;b", "a{b", "a}b", "a$b", `a"b`, "a'b", "a`b", `a\b`, "a\nb"})
	table(t, "Label", func(s string) error { return field.Label(s, 20) }, []string{`Client, "v2"`, "Bob's"}, []string{"", "a\nb"})
	table(t, "Text", func(s string) error { return field.Text(s, 10) }, []string{"a\r\n\tb"}, []string{"a\x0bb"})
}

func TestAbsolutePath(t *testing.T) {
	table(t, "AbsolutePath", field.AbsolutePath,
		[]string{"/", "/etc/nginx/ssl/emby1.com/cert.pem", "/srv/媒体/a_b-c+d@e,f:g=h~i%j"},
		[]string{"", "etc/x", "/a//b", "/a/../b", "/a/", "/a b", "/a;b", "/a{b", "/a}b", "/$a", `/a"b`, "/a'b", `/a\b`, "/a\nb", "/a\x00b", "/a#b", "/\xff", "/" + strings.Repeat("a", 1024)})
}

func TestVersion(t *testing.T) {
	table(t, "Version", field.Version,
		[]string{"1", "4.8.0.62", "3.2.32-17.41", "2.0.95g", "3.0.0pre13", "1.0.0-beta.1"},
		[]string{"", "v1", "1..2", ".1", "1.", "1 2", "1;", "1\n", strings.Repeat("1", 40)})
}

func TestHosts(t *testing.T) {
	table(t, "ServerName", field.ServerName,
		[]string{"a.com", "*.a.com", "localhost", "127.0.0.1", "xn--mnchen-3ya.example", "a-b.c"},
		[]string{"", "*", "a.*", "*a.com", "**.a.com", "a_b.com", "-a.com", "a-.com", "a..b", ".a", "a.", "A.com", "~^a", "_", "$host", "a.com;", "a.com b.com", "[::1]", strings.Repeat("a", 64) + ".com", strings.Repeat("a.", 130) + "a"})
	table(t, "Host", field.Host,
		[]string{"203.0.113.10", "2001:db8::1", "media-1", "my_emby", "a.b"},
		[]string{"", "fe80::1%eth0", "a b", "a/b", "[::1]", "a:1"})
	table(t, "HostPort", field.HostPort,
		[]string{"203.0.113.10:8096", "[2001:db8::1]:8096", "emby:1", "my_emby:65535"},
		[]string{"", "a", "a:", ":80", "a:0", "a:65536", "a:080", "a:+80", "a:http", "::1:80", "[fe80::1%eth0]:80", "http://a:80", "a:80/", "a:80 weight=2", "a:80;"})
}

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"A.Com": "a.com", " a.com. ": "a.com", "MÜNCHEN.example": "xn--mnchen-3ya.example", "*.B.com": "*.b.com", "*.例子.cn": "*.xn--fsqu00a.cn", "a_B": "a_b", "": "",
	} {
		if got := field.CanonicalHostname(in); got != want {
			t.Errorf("CanonicalHostname(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"2001:DB8:0::1": "2001:db8::1", "Media-1": "media-1"} {
		if got := field.CanonicalHost(in); got != want {
			t.Errorf("CanonicalHost(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"[2001:DB8::0001]:80": "[2001:db8::1]:80", "EMBY:80": "emby:80", "x": "x"} {
		if got := field.CanonicalHostPort(in); got != want {
			t.Errorf("CanonicalHostPort(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestPattern(t *testing.T) {
	table(t, "Pattern", field.Pattern,
		[]string{
			`^/emby/videos/\d+/stream`, `\.(js|css)$`, `(?i)infuse`, `^Emby/[0-9]+\.[0-9]+ \(.*\)$`, `a{2,5}(b|c)*`, `媒体`, `[.]x`, `(?:ab)?c+`,
			`(foo|bar)*`, `(?:/[^/]+){2,3}$`, `^([0-9]{1,3}\.){3}[0-9]{1,3}$`, `[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}`,
			`^/(videos|audio)/[^/]+/(stream|original|universal)(\.[a-z0-9]+)?$`, `[|(]*|[^]a|]+`, `\|*`, `[[:alpha:]|]*`, `[\w-]+`, "[.]", "[:]", "[:a]", `[a-z0-9-]+`,
		},
		[]string{
			"", "(", "[", "a**", "(a+)+$", "(?:a+)+$", "(?i:a*)*", "((a|b)+c)*", "(a{1,}){2,}", "(a{1,100})+",
			"(a|a)*", "(?:a|a)*$", "(a|A)*", "(?:a|ab)+c", "(.*)*", "(a*)*b", "((ab)*)*", "(a?)*", "(a?b?)*c", "(a{1,2})*", "(|a)*", "([ab]|[b-c])*",
			"(a*){9}", "(a{0,30}){0,30}", "(a?){32}", strings.Repeat("a?", 20) + strings.Repeat("a", 20), "(.*a){2,10}",
			"([a-z][0-9]){1000}", "((a{100}b){100}c){10}", strings.Repeat("(", 60) + "a" + strings.Repeat(")", 60), `[\d-z]`, "[:a:]", "[.-.]", `\b{2}`, "a(?i){3}", "$*", `[a-c\w-]-[[:digit:]-z]`,
			"(?=a)b", "(?!a)b", "(?<=a)b", "(?P<n>a)", "(?<n>a)", `\1`, `\Qa`, `\pL`, `\x{100}`, "[[.a.]]", "a\nb",
			strings.Repeat("a", 513), strings.Repeat("a*b", 9),
		})
	if err := field.Pattern("(a+)+$"); err == nil || !strings.Contains(err.Error(), "exponential time") {
		t.Errorf("(a+)+$: %v, want the reason", err)
	}
	if err := field.Pattern("(?=a)"); err == nil || !strings.Contains(err.Error(), "accepted are") {
		t.Errorf("(?=a): %v, want what is accepted", err)
	}
}

func TestNetwork(t *testing.T) {
	table(t, "Network", field.Network, []string{"10.0.0.0/8", "203.0.113.9", "2001:db8::/32", "::1"},
		[]string{"", "10.0.0.1/8", "0.0.0.0/0", "::/0", "fe80::1%eth0", "::ffff:1.2.3.4", "10.0.0.0/33", "a", "unix:", "1.2.3.4;"})
	for in, want := range map[string]string{"10.1.2.3/8": "10.0.0.0/8", " 2001:DB8::1 ": "2001:db8::1", "x": "x"} {
		if got := field.CanonicalNetwork(in); got != want {
			t.Errorf("CanonicalNetwork(%q) = %q, want %q", in, got, want)
		}
	}
	table(t, "HeaderName", field.HeaderName, []string{"X-Forwarded-For", "CF-Connecting-IP"}, []string{"", "X_A", "a b", "a;", "-a", "proxy_protocol"})
}

func TestPath(t *testing.T) {
	table(t, "Path", field.Path, []string{"/", "//", "/emby/System/Ping", "/路径 x", "/embywebsocket", "/web/emby", "/emby2/"},
		[]string{"", "emby", "/a?b", "/a#b", "/a\nb", "/emby", "/Emby/", "//emby//", "/MediaBrowser", "/emby/mediabrowser/", "/%65mby", "/emby%2F"})
	if err := field.Path("/emby/"); err == nil || !strings.Contains(err.Error(), "use the prefix /") {
		t.Errorf("/emby/: %v, want the cure", err)
	}
}
