package browser

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// tab is one page of a profile of its own, which must neither complain nor ask other hosts for anything.
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
	ctx, cancel := chromedp.NewContext(chromiumContext(t), chromedp.WithTargetID(newWindow(t)))
	t.Cleanup(cancel)
	must(t, chromedp.Run(ctx)) // takes the window over; contexts with a time limit come after it
	tab := &tab{T: t, ctx: ctx, url: m.URL}
	chromedp.ListenTarget(ctx, tab.listen)
	width := l.width
	if width == 0 {
		width = 1280
	}
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	strangers()
	tab.run(network.Enable(), log.Enable(),
		network.SetExtraHTTPHeaders(network.Headers{"Accept-Language": l.language}),
		emulation.SetScriptExecutionDisabled(l.noScript),
		emulation.SetTimezoneOverride("Asia/Shanghai"),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}),
		chromedp.EmulateViewport(width, 900))
	t.Cleanup(func() {
		tab.mu.Lock()
		defer tab.mu.Unlock()
		for _, p := range tab.problems {
			t.Error(p)
		}
		for _, s := range strangers() {
			t.Error("a request to another host: ", s)
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
		if !strings.HasPrefix(e.Request.URL, t.url+"/") && !strings.HasPrefix(e.Request.URL, "data:") && e.Request.URL != "about:blank" {
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
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		t.picture("failed")
		t.Fatalf("%v, at %s", err, t.at())
	}
}

// at is the address of the page that is shown.
func (t *tab) at() string {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	var at string
	if err := chromedp.Run(ctx, chromedp.Location(&at)); err != nil {
		return err.Error()
	}
	return at
}

func (t *tab) visit(path string) {
	t.Helper()
	t.loads(chromedp.Navigate(t.url + path))
}

// signIn leaves the browser at the first page.
func (t *tab) signIn() { t.signInAs("admin", password) }

func (t *tab) signInAs(username, password string) {
	t.Helper()
	t.visit("/admin/sign-in")
	t.run(chromedp.SendKeys("#username", username), chromedp.SendKeys("#password", password))
	t.press(`form[action="/admin/sign-in"] button`)
	t.wantText("h1", "")
}

// press clicks on what loads another page, and waits for it.
func (t *tab) press(selector string) {
	t.Helper()
	t.loads(chromedp.Click(selector, chromedp.ByQuery))
}

// loads does what loads another page, and waits for it.
func (t *tab) loads(action chromedp.Action) {
	t.Helper()
	t.run(chromedp.ActionFunc(func(ctx context.Context) error {
		answer, err := chromedp.RunResponse(ctx, action)
		if err == nil && answer != nil && answer.Status >= http.StatusInternalServerError {
			return fmt.Errorf("%s is answered %d", answer.URL, answer.Status)
		}
		return err
	}), chromedp.WaitReady("main"))
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

// awaitText visits the page at path until a selector's text has the wanted one in it.
func (t *tab) awaitText(path, selector, want string) {
	t.Helper()
	testbed.Await(t, patience, func() error {
		t.visit(path)
		var text string
		ctx, cancel := context.WithTimeout(t.ctx, patience)
		defer cancel()
		if err := chromedp.Run(ctx, chromedp.Text(selector, &text, chromedp.ByQuery)); err != nil {
			return err
		}
		if !strings.Contains(text, want) {
			return fmt.Errorf("%s: %s says %q, want %q in it", path, selector, text, want)
		}
		return nil
	})
}

// picture writes the page as a picture where SCREENSHOTS names a directory.
func (t *tab) picture(name string) {
	t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	var png []byte
	must(t, chromedp.Run(ctx, chromedp.FullScreenshot(&png, 100)))
	must(t, os.MkdirAll(dir, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
}
