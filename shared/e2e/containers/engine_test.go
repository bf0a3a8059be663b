// Package containers tests what is shipped: the images, docker-compose.yml, and a slave whose supervisor is PID 1.
// It needs a Docker engine and docker-compose, or the compose plugin.
package containers

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// root is the repository.
const root = "../../.."

// patience bounds every wait for a condition: long, since only something broken meets it.
const patience = 3 * time.Minute

// buildPatience bounds the building of one image, which compiles Go from nothing.
const buildPatience = 20 * time.Minute

// runID keeps apart what test runs beside each other make.
var runID = fmt.Sprintf("e2e-%d", os.Getpid())

func TestMain(m *testing.M) {
	os.Exit(func() int {
		defer removeImages()
		defer endFleet()
		return m.Run()
	}())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// run runs a command in the repository and returns what it printed to standard output.
func run(ctx context.Context, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = root, append(clientEnv(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s%s", name, strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String(), nil
}

// clientEnv is what docker and docker-compose need of our environment; nothing else of it may reach a container.
func clientEnv() []string {
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if name == "PATH" || name == "HOME" || name == "TMPDIR" || strings.HasPrefix(name, "DOCKER_") {
			env = append(env, kv)
		}
	}
	return env
}

// docker runs a command of the Docker client and returns its output.
func docker(t testing.TB, args ...string) string {
	t.Helper()
	out, err := run(within(t), nil, "docker", args...)
	must(t, err)
	return out
}

// afterwards runs a command of the Docker client when the test has ended.
func afterwards(t testing.TB, args ...string) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if _, err := run(ctx, nil, "docker", args...); err != nil {
			t.Error(err)
		}
	})
}

// composeCommand is docker-compose, or the compose plugin; nil where there is neither.
var composeCommand = sync.OnceValue(func() []string {
	for _, command := range [][]string{{"docker-compose"}, {"docker", "compose"}} {
		if exec.Command(command[0], append(command[1:], "version")...).Run() == nil {
			return command
		}
	}
	return nil
})

// engineMissing says why nothing can be tested here, nil when it can.
var engineMissing = sync.OnceValue(func() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := run(ctx, nil, "docker", "info"); err != nil {
		return fmt.Errorf("no Docker engine answers: %w", err)
	}
	if composeCommand() == nil {
		return fmt.Errorf("there is neither docker-compose nor docker compose")
	}
	return nil
})

// needEngine skips a test where no engine answers; with CONTAINERS=required it fails.
func needEngine(t testing.TB) {
	t.Helper()
	unavailable(t, engineMissing())
}

func unavailable(t testing.TB, err error) {
	t.Helper()
	if err != nil && os.Getenv("CONTAINERS") == "required" {
		t.Fatal(err)
	} else if err != nil {
		t.Skip("NOT TESTED IN CONTAINERS: ", err)
	}
}

// The images and their Dockerfiles' folders.
var imageNames = map[string]string{"uhd-slave": "slave", "uhd-master": "master", "uhd-standin": "demo"}

// baseImages are the images that the Dockerfiles and docker-compose.yml build on, by variable: this machine's own, or the public ones.
var baseImages = sync.OnceValues(func() (map[string]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), buildPatience)
	defer cancel()
	lines, err := run(ctx, nil, filepath.Join(".ci", "engine"))
	if err != nil {
		return nil, err
	}
	bases := maps.Clone(publicImages())
	for line := range strings.Lines(lines) {
		if name, image, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			bases[name] = image
		}
	}
	for _, image := range bases {
		if _, err := run(ctx, nil, "docker", "image", "inspect", image); err == nil {
			continue
		}
		if _, err := run(ctx, nil, "docker", "pull", "-q", image); err != nil {
			return nil, err
		}
	}
	return bases, nil
})

var defaultImage = regexp.MustCompile(`\$\{(GO|OPENRESTY|RUNTIME|REDIS)_IMAGE:-([^}]*)\}`)

// publicImages are the defaults in docker-compose.yml.
func publicImages() map[string]string {
	text, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		panic(err) // the repository is not whole
	}
	images := map[string]string{}
	for _, match := range defaultImage.FindAllStringSubmatch(string(text), -1) {
		images[match[1]+"_IMAGE"] = match[2]
	}
	return images
}

// buildImages builds all images, as uhd-…:runID. With CONTAINER_TAG=tag those with that tag are tested as they are.
var buildImages = sync.OnceValue(func() error {
	bases, err := baseImages()
	if err != nil {
		return err
	}
	if tag := os.Getenv("CONTAINER_TAG"); tag != "" {
		for name := range imageNames {
			if _, err := run(context.Background(), nil, "docker", "tag", name+":"+tag, name+":"+runID); err != nil {
				return err
			}
		}
		return nil
	}
	for name, dir := range imageNames {
		ctx, cancel := context.WithTimeout(context.Background(), buildPatience)
		args := []string{"build", "-q", "-f", "docker/" + dir + "/Dockerfile", "-t", name + ":" + runID, "--build-arg", "VERSION=" + version}
		for _, arg := range []string{"GO_IMAGE", "OPENRESTY_IMAGE", "RUNTIME_IMAGE"} {
			args = append(args, "--build-arg", arg+"="+bases[arg])
		}
		_, err := run(ctx, nil, "docker", append(args, ".")...)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
})

// version is what the images say they are. It stays the same, so that layers are built once.
const version = "e2e"

// needImages is needEngine, and has the images built. Base images that cannot be had are as good as no engine.
func needImages(t testing.TB) {
	t.Helper()
	needEngine(t)
	_, err := baseImages()
	unavailable(t, err)
	must(t, buildImages())
}

func removeImages() {
	if engineMissing() != nil {
		return
	}
	for name := range imageNames {
		// What they are made of stays, for the next run.
		_ = exec.Command("docker", "rmi", "--no-prune", name+":"+runID).Run() // may not have been built
	}
}

// eventually waits until condition returns nil; its last error says what is still wrong.
func eventually(t testing.TB, condition func() error) {
	t.Helper()
	testbed.Await(t, patience, condition)
}
