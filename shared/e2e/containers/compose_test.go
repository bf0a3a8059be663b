package containers

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// composeFile is what tests look at in docker-compose.yml.
type composeFile struct {
	Services map[string]service `yaml:"services"`
}

type service struct {
	Image         string            `yaml:"image"`
	ContainerName string            `yaml:"container_name"`
	Profiles      []string          `yaml:"profiles"`
	Environment   map[string]string `yaml:"environment"`
	Volumes       []any             `yaml:"volumes"` // docker-compose prints texts, the plugin objects
}

func (s service) mounts(t *testing.T) (mounts []string) {
	t.Helper()
	for _, volume := range s.Volumes {
		switch v := volume.(type) {
		case string:
			mounts = append(mounts, v)
		case map[string]any:
			mounts = append(mounts, fmt.Sprintf("%v:%v", v["source"], v["target"]))
		}
	}
	return mounts
}

// resolved is docker-compose.yml as docker-compose reads it with the .env of the deployment guide. No engine is needed.
func resolved(t *testing.T, arguments ...string) composeFile {
	t.Helper()
	command := composeCommand()
	if command == nil {
		t.Skip("NOT TESTED: there is neither docker-compose nor docker compose")
	}
	env := filepath.Join(t.TempDir(), ".env")
	must(t, os.WriteFile(env, []byte("APP_TOKEN=uhd_your_token_here\nAPI_BASE=https://api.example.com\nREDIS_HOST=redis\nREDIS_PORT=6379\n"), 0o600))
	args := append(slices.Clone(command[1:]), "--env-file", env, "-f", "docker-compose.yml")
	args = append(append(args, arguments...), "config")
	text, err := run(context.Background(), nil, command[0], args...)
	must(t, err)
	var file composeFile
	must(t, yaml.Unmarshal([]byte(text), &file))
	return file
}

// TestNames: containers are called as the documentation says, and need a profile where it says so.
func TestNames(t *testing.T) {
	t.Parallel()
	file := resolved(t, "--profile", "master", "--profile", "postgres", "--profile", "observability", "--profile", "demo")
	for service, want := range map[string]struct{ container, profile string }{
		"openresty": {"uhd-slave-openresty", ""}, "redis": {"uhd-slave-redis", ""},
		"master": {"uhd-master", "master"}, "postgres": {"uhd-postgres", "postgres"}, "media": {"uhd-demo-media", "demo"},
		"prometheus": {"uhd-prometheus", "observability"}, "grafana": {"uhd-grafana", "observability"},
	} {
		got, ok := file.Services[service]
		if profile := strings.Join(got.Profiles, " "); !ok || got.ContainerName != want.container || profile != want.profile {
			t.Errorf("service %s: container %s, profile %q, want %+v", service, got.ContainerName, profile, want)
		}
	}
	if env := file.Services["openresty"].Environment; env["APP_TOKEN"] != "uhd_your_token_here" || env["API_BASE"] != "https://api.example.com" ||
		env["REDIS_HOST"] != "redis" || env["REDIS_PORT"] != "6379" {
		t.Errorf("the slave does not get what .env says: %v", env)
	}
	for name, service := range file.Services {
		if _, tag, _ := strings.Cut(service.Image, ":"); tag == "" || tag == "latest" && !strings.HasPrefix(service.Image, "uhd-") {
			t.Errorf("service %s: image %s has no pinned version", name, service.Image)
		}
	}
}

var variable = regexp.MustCompile("`env:\"([A-Z][A-Z0-9_]*)")

// TestSettingsPassOn: each setting that a program has can be set in .env, or is decided by docker-compose.yml.
func TestSettingsPassOn(t *testing.T) {
	t.Parallel()
	file := resolved(t, "--profile", "master")
	decided := []string{"SLAVE_ROOT", "NGINX_BIN", "NGINX_USER", "METRICS_ADDR", "LISTEN_ADDR", "REDIS_PASSWORD"}
	for service, program := range map[string]string{"openresty": "supervisor", "master": "master"} {
		settings := 0
		must(t, filepath.WalkDir(filepath.Join(root, program), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, match := range variable.FindAllSubmatch(text, -1) {
				settings++
				if _, passed := file.Services[service].Environment[string(match[1])]; !passed && !slices.Contains(decided, string(match[1])) {
					t.Errorf("%s, service %s: %s does not reach the container", path, service, match[1])
				}
			}
			return err
		}))
		if settings < 15 {
			t.Errorf("%s has %d settings: this test looks at the wrong thing", program, settings)
		}
	}
}

var dockerfileDefault = regexp.MustCompile(`(?m)^ARG ([A-Z]+_IMAGE)=(\S+)$`)

// TestPins: docker-compose.yml and the Dockerfiles name the same base images, each with its version.
func TestPins(t *testing.T) {
	t.Parallel()
	pins := publicImages()
	for _, dir := range imageNames {
		text, err := os.ReadFile(filepath.Join(root, "docker", dir, "Dockerfile"))
		must(t, err)
		for _, match := range dockerfileDefault.FindAllStringSubmatch(string(text), -1) {
			if pins[match[1]] != match[2] {
				t.Errorf("docker/%s/Dockerfile: %s is %s, in docker-compose.yml it is %s", dir, match[1], match[2], pins[match[1]])
			}
			if !regexp.MustCompile(`:.*\d`).MatchString(match[2]) {
				t.Errorf("docker/%s/Dockerfile: %s has no version", dir, match[2])
			}
		}
	}
}

// TestDebugOverride: the override for debugging is laid over docker-compose.yml.
func TestDebugOverride(t *testing.T) {
	t.Parallel()
	file := resolved(t, "-f", "docker/compose.debug.yml")
	slave := file.Services["openresty"]
	if slave.Environment["LUA_DIR"] != "/debug/lua" || slave.Environment["APP_TOKEN"] == "" || slave.ContainerName != "uhd-slave-openresty" {
		t.Errorf("with the override: %+v", slave)
	}
	for _, folder := range []string{":/opt/slave", ":/debug/lua"} {
		if !slices.ContainsFunc(slave.mounts(t), func(mount string) bool { return strings.Contains(mount, folder) }) {
			t.Errorf("%s is not mounted: %v", folder, slave.Volumes)
		}
	}
}
