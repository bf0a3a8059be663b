package nginxconf

import "testing"

func TestParseTestOutput(t *testing.T) {
	for name, c := range map[string]struct{ output, file, reason string }{
		"place": {
			"nginx: [warn] conflicting server name in /x.conf:3\nnginx: [emerg] unknown directive \"a in b\" in /opt/a b/server.conf:12\nnginx: configuration file /n.conf test failed\n",
			"/opt/a b/server.conf", `unknown directive "a in b"`,
		},
		"no place":    {"nginx: [emerg] host not found in upstream\n", "", "host not found in upstream"},
		"log's form":  {"2024/01/01 00:00:00 [emerg] 7#7: bind() to 0.0.0.0:80 failed (13: Permission denied)\n", "", "bind() to 0.0.0.0:80 failed (13: Permission denied)"},
		"without any": {"nginx: invalid option: \"e\"\n", "", `nginx: invalid option: "e"`},
	} {
		t.Run(name, func(t *testing.T) {
			e := ParseTestOutput(c.output)
			if e.File != c.file || e.Reason != c.reason || (c.file != "") != (e.Line == 12) {
				t.Errorf("got %#v", e)
			}
		})
	}
}
