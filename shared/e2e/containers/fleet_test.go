package containers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTwoSlavesOneStream: a user who has all the streams that there are for one watches through one slave, and is
// refused by the other until that stream has ended.
func TestTwoSlavesOneStream(t *testing.T) {
	t.Parallel()
	first, second := startSlave(t, "one"), startSlave(t, "two")
	tv, user := first.login(t, "tv")
	phone, _ := second.login(t, "phone")
	var rule struct{ ID int64 }
	must(t, first.fleet.admin.Do(t.Context(), http.MethodPost, "stream-rules", map[string]any{
		"apply_to": "user", "apply_value": user, "max_streams": 1, "action_on_exceed": "reject",
	}, &rule))
	for _, s := range []*slave{first, second} {
		s.logged(t, "Limits changed")
		eventually(t, func() error {
			if !strings.Contains(s.exec(t, "cat", "/opt/slave/state/limits.json"), user) {
				return fmt.Errorf("%s does not know of the limit", s.name)
			}
			return nil
		})
	}
	playing := first.watch(t, "tv", "Authorization", tv)
	if playing.res.StatusCode != http.StatusOK {
		t.Fatalf("the first stream: %s", playing.res.Status)
	}
	if refused := second.watch(t, "phone", "Authorization", phone); refused.res.StatusCode != http.StatusForbidden {
		t.Errorf("a second stream through another slave: %s", refused.res.Status)
	}
	playing.finish(t)
	res, err := first.do(within(t), http.MethodPost, "/Sessions/Playing/Stopped", `{"PlaySessionId": "tv", "ItemId": "0a1b"}`, "Authorization", tv, "Content-Type", "application/json")
	must(t, err)
	_ = res.Body.Close()
	eventually(t, func() error {
		v := second.watch(t, "phone", "Authorization", phone)
		if v.res.StatusCode != http.StatusOK {
			return fmt.Errorf("after the stream has ended: %s", v.res.Status)
		}
		return nil
	})
}

// login signs the media server's user in through the slave; it returns what a player says of itself, and the user.
func (s *slave) login(t *testing.T, device string) (authorization, user string) {
	t.Helper()
	header := fmt.Sprintf(`MediaBrowser Client="TV", Device="A device", DeviceId=%q, Version="1"`, device)
	res, err := s.do(within(t), http.MethodPost, "/Users/AuthenticateByName", `{"Username": "demo", "Pw": "demo"}`,
		"Authorization", header, "Content-Type", "application/json")
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		AccessToken string
		User        struct{ ID string }
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.AccessToken == "" || answer.User.ID == "" {
		t.Fatalf("login: %s, %v", res.Status, err)
	}
	return header + fmt.Sprintf(", Token=%q", answer.AccessToken), answer.User.ID
}

// TestUpgradeInPlace: docker-compose up -d with another image. The stream that runs ends by itself, and the new
// container serves what the old one had, before it has spoken to the master.
func TestUpgradeInPlace(t *testing.T) {
	t.Parallel()
	needImages(t)
	next := runID + "-next"
	build := exec.CommandContext(within(t), "docker", "build", "-q", "-t", "uhd-slave:"+next, "-")
	build.Stdin = strings.NewReader("FROM uhd-slave:" + runID + "\nLABEL org.opencontainers.image.version=next\n")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	afterwards(t, "rmi", "--no-prune", "uhd-slave:"+next)
	s := startSlave(t, "upgrade")
	before, release := inspect(t, s.container).Image, strings.TrimSpace(s.exec(t, "readlink", "/opt/slave/conf"))
	id := strings.TrimSpace(s.exec(t, "cat", "/opt/slave/state/slave-id"))

	v := s.watch(t, "upgrade")
	old := s.follow(t)
	s.replaceEnv(t, "VERSION="+runID, "VERSION="+next)
	upgraded := make(chan error, 1)
	ctx := within(t)
	go func() {
		_, err := s.compose(ctx, "up", "-d")
		upgraded <- err
	}()
	eventually(t, func() error {
		if !strings.Contains(old.String(), "draining nginx") {
			return fmt.Errorf("the old container does not drain:\n%s", old)
		}
		return nil
	})
	v.finish(t)
	must(t, <-upgraded)
	docker(t, "network", "connect", s.fleet.mediaNet, s.container)
	s.ready(t)
	s.serves(t)
	if after := inspect(t, s.container).Image; after == before {
		t.Error("the container was not made anew")
	}
	if now := strings.TrimSpace(s.exec(t, "readlink", "/opt/slave/conf")); now != release {
		t.Errorf("after the upgrade %s serves, before it was %s", now, release)
	}
	if now := strings.TrimSpace(s.exec(t, "cat", "/opt/slave/state/slave-id")); now != id {
		t.Errorf("the slave's name changed from %s to %s", id, now)
	}
	docker(t, "network", "connect", s.fleet.name+"_default", s.container)
	s.publish(t)
}

// TestSecrets: with NAME_FILE variables no secret is in an image, a container's description, a log or a metric.
func TestSecrets(t *testing.T) {
	t.Parallel()
	s := newSlave(t, "secrets", "REDIS_PASSWORD_FILE=/run/secrets/redis_password", "EMBY_API_KEY_FILE=/run/secrets/emby_api_key",
		"EMBY_SERVER_URL=http://192.0.2.1:8096", "LOG_LEVEL=debug")
	secrets := map[string]string{
		"APP_TOKEN": s.token, "ADMIN_PASSWORD": s.fleet.password,
		"REDIS_PASSWORD": `a "quoted" \ and $long password`, "EMBY_API_KEY": "0123456789abcdef-key",
	}
	s.secret(t, "redis_password", secrets["REDIS_PASSWORD"])
	s.secret(t, "emby_api_key", secrets["EMBY_API_KEY"])
	s.up(t)
	s.publish(t)
	s.ready(t)
	s.serves(t)
	s.storeUp(t, "1") // the password is the one that Redis has

	places := map[string]string{"the slave's metrics": s.metrics(t), "the slave's status": fetch(t, s.monitor+"/status")}
	for _, container := range []string{s.container, s.redis, s.fleet.name + "-master"} {
		places["docker inspect "+container] = docker(t, "inspect", container)
		logs, err := exec.Command("docker", "logs", container).CombinedOutput()
		must(t, err)
		places["docker logs "+container] = string(logs)
		for _, p := range s.processes(t, container) {
			places["the command lines of "+container] += p.command + "\n"
		}
	}
	for name := range imageNames {
		places["docker inspect "+name] = docker(t, "inspect", name+":"+runID)
		places["docker history "+name] = docker(t, "history", "--no-trunc", name+":"+runID)
	}
	for place, text := range places {
		for name, secret := range secrets {
			if strings.Contains(text, secret) || strings.Contains(text, strings.ReplaceAll(strings.ReplaceAll(secret, `\`, `\\`), `"`, `\"`)) {
				t.Errorf("%s is in %s", name, place)
			}
		}
	}
	if !strings.Contains(places["docker inspect "+s.container], filepath.Join(s.dir, "secrets")) {
		t.Error("docker inspect does not show the folder of secrets: this test looks at the wrong thing")
	}
}
