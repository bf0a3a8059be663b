// Package browser tests the pages of the master in a real Chromium: what they show and do, whether everybody can use them,
// and that they ask nothing of any other host.
package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// patience bounds every wait for a condition: long, since only something broken meets it.
const patience = 90 * time.Second

const password = "a-long-password"

// masterBin is where TestMain put the master.
var masterBin string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "uhd-browser-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		masterBin = filepath.Join(dir, "uhd-master")
		if err := testbed.Build(dir, "master"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func startMaster(t testing.TB) *testbed.Master {
	t.Helper()
	port, err := testbed.FreePort()
	must(t, err)
	metrics, err := testbed.FreePort()
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m, err := testbed.StartMaster(ctx, testbed.MasterConfig{
		Bin: masterBin, Dir: t.TempDir(), Port: port, MetricsPort: metrics, Username: "admin", Password: password,
	})
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := m.Stop(ctx); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the master printed:\n%s", m.Log)
		}
	})
	return m
}

// tab is a browser of its own with one page, which must neither complain nor ask other hosts for anything.
type tab struct {
	*testing.T
	ctx context.Context
	url string // of the master

	mu       sync.Mutex
	problems []string
}

// look is how the visitor has set up the browser.
type look struct {
	language string // of Accept-Language
	width    int64  // 0: 1280
	dark     bool
	noScript bool
}

func open(t *testing.T, m *testbed.Master, l look) *tab {
	t.Helper()
	bin, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing: run .ci/install test")
	}
	allocator, cancel := chromedp.NewExecAllocator(t.Context(),
		chromedp.ExecPath(bin), chromedp.NoSandbox, chromedp.Headless, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("blink-settings", fmt.Sprintf("preferredColorScheme=%d", map[bool]int{true: 0, false: 1}[l.dark])),
		chromedp.WSURLReadTimeout(patience))
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 15*time.Minute) // twenty pages on a busy machine
	t.Cleanup(cancel)
	tab := &tab{T: t, ctx: ctx, url: m.URL}
	chromedp.ListenTarget(ctx, tab.listen)
	width := l.width
	if width == 0 {
		width = 1280
	}
	tab.run(network.Enable(), log.Enable(),
		network.SetExtraHTTPHeaders(network.Headers{"Accept-Language": l.language}),
		emulation.SetScriptExecutionDisabled(l.noScript),
		emulation.SetTimezoneOverride("Asia/Shanghai"),
		chromedp.EmulateViewport(width, 900))
	t.Cleanup(func() {
		tab.mu.Lock()
		defer tab.mu.Unlock()
		for _, p := range tab.problems {
			t.Error(p)
		}
	})
	return tab
}

// listen notes what no page may do.
func (t *tab) listen(event any) {
	problem := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		problem = "a script failed: " + e.ExceptionDetails.Error()
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
			problem = fmt.Sprintf("the console says: %s", e.Args[0].Value)
		}
	case *log.EventEntryAdded:
		// A refusal that the test provokes is an answer, too.
		if e.Entry.Level == log.LevelError && e.Entry.Source != log.SourceNetwork {
			problem = "the browser complains: " + e.Entry.Text
		}
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, t.url) && !strings.HasPrefix(e.Request.URL, "data:") && e.Request.URL != "about:blank" {
			problem = "a request to another host: " + e.Request.URL
		}
	}
	if problem != "" {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.problems = append(t.problems, problem)
	}
}

func (t *tab) run(actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(t.ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

func (t *tab) visit(path string) {
	t.Helper()
	t.run(chromedp.Navigate(t.url+path), chromedp.WaitReady("main"))
}

// signIn leaves the browser at the first page.
func (t *tab) signIn() {
	t.Helper()
	t.visit("/admin/sign-in")
	t.run(chromedp.SendKeys("#username", "admin"), chromedp.SendKeys("#password", password))
	t.press(`form[action="/admin/sign-in"] button`)
	t.wantText("h1", "")
}

// press clicks on what loads another page, and waits for it.
func (t *tab) press(selector string) {
	t.Helper()
	t.run(chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := chromedp.RunResponse(ctx, chromedp.Click(selector, chromedp.ByQuery))
		return err
	}))
	t.run(chromedp.WaitReady("main"))
}

func (t *tab) text(selector string) string {
	t.Helper()
	var text string
	t.run(chromedp.Text(selector, &text, chromedp.ByQuery))
	return text
}

func (t *tab) wantText(selector, want string) {
	t.Helper()
	if got := t.text(selector); !strings.Contains(got, want) {
		t.Errorf("%s says %q, want %q in it", selector, got, want)
	}
}

// picture writes the page as a picture where SCREENSHOTS names a directory.
func (t *tab) picture(name string) {
	t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	var png []byte
	t.run(chromedp.FullScreenshot(&png, 100))
	must(t, os.MkdirAll(dir, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
}
