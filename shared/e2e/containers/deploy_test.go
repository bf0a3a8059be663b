package containers

import (
	"regexp"
	"strings"
	"testing"
)

// TestDeploy is the deployment guide: .env as it stands there, docker-compose up -d, the four lines in the log, and the checks.
func TestDeploy(t *testing.T) {
	t.Parallel()
	s := newSlave(t, "deploy")
	s.replaceEnv(t, "APP_TOKEN_FILE=/run/secrets/app_token", "APP_TOKEN="+s.token)
	s.up(t)
	release := s.publish(t)
	s.ready(t)
	s.serves(t)

	// docker logs -f uhd-slave-openresty 2>&1 | grep "Config", and the lines between
	s.logged(t, "Config update available: 0 -> ", "Written rendered nginx config to server.conf",
		"Cleared upstream.conf and maps.conf", "Nginx config reloaded (multi-server mode, 1 servers)")

	out, err := run(within(t), nil, "sh", "-c", "docker exec "+s.container+" openresty -t 2>&1")
	if err != nil || !strings.Contains(out, "syntax is ok") || !strings.Contains(out, "test is successful") {
		t.Errorf("openresty -t: %v: %s", err, out)
	}
	conf := s.exec(t, "cat", "/opt/slave/conf/server.conf")
	for _, want := range []string{"server_name media.test;", "server " + s.fleet.media, "proxy_pass http://", "access_by_lua_file /opt/slave/lua/access.lua;"} {
		if !strings.Contains(spaces.ReplaceAllString(strings.ReplaceAll(conf, `"`, ""), " "), want) {
			t.Errorf("server.conf lacks %q:\n%s", want, conf)
		}
	}
	for _, file := range []string{"upstream.conf", "maps.conf"} {
		if text := s.exec(t, "cat", "/opt/slave/conf/"+file); text != "# Managed by UHD Slave agent - included in server.conf\n" {
			t.Errorf("%s holds %q", file, text)
		}
	}
	if target := strings.TrimSpace(s.exec(t, "readlink", "/opt/slave/conf")); target != "releases/"+release.ConfigHash {
		t.Errorf("conf leads to %s, published was %s", target, release.ConfigHash)
	}

	// `openresty -t` is about our configuration, not about the one that came with the image.
	s.sh(t, "echo 'broken' >>/opt/slave/conf/maps.conf")
	if out, err := run(within(t), nil, "docker", "exec", s.container, "openresty", "-t"); err == nil {
		t.Errorf("openresty -t takes a broken maps.conf: %s", out)
	}
	s.sh(t, "openresty -s reload; true") // which nginx refuses, and the supervisor puts the file right
	eventually(t, func() error {
		_, err := run(t.Context(), nil, "docker", "exec", s.container, "openresty", "-t")
		return err
	})
	s.serves(t)

	t.Run("hardened", func(t *testing.T) { s.hardened(t) })
	t.Run("memory at rest", func(t *testing.T) { s.frugal(t) })
}

var spaces = regexp.MustCompile(`[ \t]+`)

// hardened looks at the containers as they run.
func (s *slave) hardened(t *testing.T) {
	for _, container := range []string{s.container, s.redis, s.fleet.name + "-master"} {
		c := inspect(t, container).HostConfig
		if !c.ReadonlyRootfs || c.Privileged || len(c.CapDrop) != 1 || c.CapDrop[0] != "ALL" || len(c.SecurityOpt) != 1 ||
			!strings.HasPrefix(c.SecurityOpt[0], "no-new-privileges") || c.Memory == 0 || c.PidsLimit <= 0 ||
			c.LogConfig.Config["max-size"] == "" || c.RestartPolicy.Name != "unless-stopped" {
			t.Errorf("%s is not hardened: %+v", container, c)
		}
	}
	for _, p := range s.processes(t, s.container) {
		if strings.Contains(p.command, "worker process") && p.uid == "0" {
			t.Errorf("a worker runs as root: %+v", p)
		}
	}
	for _, container := range []string{s.redis, s.fleet.name + "-master"} {
		for _, p := range s.processes(t, container) {
			if p.uid == "0" && p.name != "sh" { // our own look
				t.Errorf("%s runs as root: %+v", container, p)
			}
		}
	}
	policy := docker(t, "exec", s.redis, "sh", "-c", `export REDISCLI_AUTH=$(cat /run/uhd-redis/password); redis-cli config get maxmemory-policy; redis-cli config get appendonly; redis-cli config get maxmemory`)
	for _, want := range []string{"noeviction", "yes", "268435456"} {
		if !strings.Contains(policy, want) {
			t.Errorf("Redis's settings lack %s: %s", want, policy)
		}
	}
	if out := docker(t, "exec", s.redis, "redis-cli", "ping"); !strings.Contains(out, "NOAUTH") {
		t.Errorf("Redis answers without a password: %s", out)
	}
}
