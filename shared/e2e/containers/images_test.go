package containers

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestImageSizes: what the images add to their base images.
func TestImageSizes(t *testing.T) {
	t.Parallel()
	needImages(t)
	bases, err := baseImages()
	must(t, err)
	for _, tt := range []struct {
		image, base string
		most        int64 // bytes over the base
	}{
		{"uhd-slave", "OPENRESTY_IMAGE", 25e6},
		{"uhd-master", "RUNTIME_IMAGE", 60e6},
	} {
		over := size(t, tt.image+":"+runID) - size(t, bases[tt.base])
		t.Logf("%s: %.1f MB over its base", tt.image, float64(over)/1e6)
		if over > tt.most {
			t.Errorf("%s adds %d bytes to its base, at most %d", tt.image, over, tt.most)
		}
	}
}

func size(t *testing.T, image string) (bytes int64) {
	t.Helper()
	_, err := fmt.Sscan(docker(t, "image", "inspect", "-f", "{{.Size}}", image), &bytes)
	must(t, err)
	return bytes
}

// TestImageSettings: what `docker run` does without docker-compose.yml.
func TestImageSettings(t *testing.T) {
	t.Parallel()
	needImages(t)
	type config struct {
		User, StopSignal    string
		Entrypoint          []string
		Labels              map[string]string
		Volumes             map[string]any
		Env                 []string
		Healthcheck         *struct{ Test []string }
		ExposedPorts        map[string]any
		OnBuild, Cmd, Shell []string
	}
	settings := func(name string) config {
		var c config
		must(t, json.Unmarshal([]byte(docker(t, "image", "inspect", "-f", "{{json .Config}}", name+":"+runID)), &c))
		return c
	}
	slave, master := settings("uhd-slave"), settings("uhd-master")
	if !slices.Equal(slave.Entrypoint, []string{"uhd-supervisor"}) || slave.StopSignal != "SIGTERM" || slave.Volumes["/opt/slave"] == nil ||
		slave.Healthcheck == nil || !slices.Contains(slave.Healthcheck.Test, "healthcheck") || !slices.Contains(slave.Env, "NGINX_USER=uhd") {
		t.Errorf("slave: %+v", slave)
	}
	if !slices.Equal(master.Entrypoint, []string{"uhd-master"}) || master.User != "10001:10001" || master.Volumes["/data"] == nil {
		t.Errorf("master: %+v", master)
	}
	for name := range imageNames {
		labels := settings(name).Labels
		for _, label := range []string{"title", "description", "licenses", "version"} {
			if labels["org.opencontainers.image."+label] == "" && (label != "version" || name != "uhd-standin") {
				t.Errorf("%s has no label %s: %v", name, label, labels)
			}
		}
	}
	// The master tests configurations with the nginx of the slaves.
	versionOf := func(image string) string {
		return docker(t, "run", "--rm", "--entrypoint", "sh", image+":"+runID, "-c", "openresty -V 2>&1")
	}
	if slaves, masters := versionOf("uhd-slave"), versionOf("uhd-master"); slaves != masters {
		t.Errorf("nginx of slaves: %s\nnginx of the master: %s", slaves, masters)
	}
}

// TestReproducible: whoever builds this source with this Go has the program that is in the image.
func TestReproducible(t *testing.T) {
	t.Parallel()
	needImages(t)
	for image, program := range map[string]string{"uhd-slave": "supervisor", "uhd-master": "master"} {
		dir := t.TempDir()
		inImage := filepath.Join(dir, "image")
		container := strings.TrimSpace(docker(t, "create", image+":"+runID))
		afterwards(t, "rm", "-v", container)
		docker(t, "cp", container+":/usr/local/bin/uhd-"+program, inImage)
		info, err := buildinfo.ReadFile(inImage) // what `go version -m` prints: the software bill of materials
		must(t, err)
		if len(info.Deps) < 10 || info.Main.Path != "github.com/uhdadmin/media-gateway" {
			t.Errorf("uhd-%s does not say what it is made of: %+v", program, info)
		}
		if tag := os.Getenv("CONTAINER_TAG"); tag != "" || info.GoVersion != runtime.Version() {
			t.Logf("uhd-%s: NOT COMPARED: built with %s of the tag %q, here is %s", program, info.GoVersion, tag, runtime.Version())
			continue
		}
		here := filepath.Join(dir, "here")
		build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", here,
			"-ldflags", "-s -w -X github.com/uhdadmin/media-gateway/shared/buildinfo.version="+version, "./"+program)
		build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if sum(t, inImage) != sum(t, here) {
			t.Errorf("uhd-%s in the image and uhd-%s built here differ", program, program)
		}
	}
}

func sum(t *testing.T, path string) [sha256.Size]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return sha256.Sum256(b)
}

// TestBuildContext: neither state nor secrets that lie in a checkout reach an image.
func TestBuildContext(t *testing.T) {
	t.Parallel()
	needEngine(t)
	bases, err := baseImages()
	unavailable(t, err)
	dir := t.TempDir()
	ignore, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	must(t, err)
	files := map[string]string{
		".dockerignore": string(ignore), "Dockerfile": "FROM " + bases["RUNTIME_IMAGE"] + "\nCOPY . /context\n",
		"go.mod": "", "shared/x.go": "", "master/main.go": "", "docker/master/collect-nginx": "",
		".env": "SECRET", "master/.env": "SECRET", "secrets/app_token": "SECRET", "data/master.db": "SECRET", "master/master.db": "SECRET",
		"run/slave/state/limits.json": "SECRET", ".git/config": "SECRET", "bin/uhd-master": "", "shared/x_test.go": "",
	}
	for path, text := range files {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, path), []byte(text), 0o644))
	}
	image := "uhd-context:" + runID
	docker(t, "build", "-q", "-t", image, dir)
	afterwards(t, "rmi", image)
	got := strings.Fields(docker(t, "run", "--rm", "--entrypoint", "find", image, "/context", "-type", "f"))
	slices.Sort(got)
	want := []string{"/context/docker/master/collect-nginx", "/context/go.mod", "/context/master/main.go", "/context/shared/x.go"}
	if !slices.Equal(got, want) {
		t.Errorf("an image is built from %v, want %v", got, want)
	}
}
