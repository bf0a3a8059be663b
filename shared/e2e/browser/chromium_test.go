package browser

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// chromium is the one browser of all tests: it starts with the first that needs it and ends with the last. Each test has
// a profile of its own in it, with its own cookies.
var chromium struct {
	once sync.Once
	ctx  context.Context
	stop []func()
	err  error

	mu      sync.Mutex
	strange []string // hosts that were asked for, of all tests, and are not this machine
}

// chromiumContext returns the context of the running browser.
func chromiumContext(t *testing.T) context.Context {
	t.Helper()
	bin, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing: run .ci/install test")
	}
	chromium.once.Do(func() { startChromium(bin) })
	must(t, chromium.err)
	return chromium.ctx
}

// chromiumsOwn are hosts that Chromium asks for on its own account, whatever a page does; were it the page, the page's
// events would tell.
var chromiumsOwn = regexp.MustCompile(`(^|\.)(google|googleapis|gstatic|gvt1)\.com(:|$)`)

func startChromium(bin string) {
	// Whatever is not of this machine goes by the proxy, which notes it and answers nothing: also what no page's own
	// events tell, as icons that browsers ask for by themselves.
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !chromiumsOwn.MatchString(r.Host) {
			chromium.mu.Lock()
			chromium.strange = append(chromium.strange, r.Method+" "+r.Host)
			chromium.mu.Unlock()
		}
		w.WriteHeader(http.StatusBadGateway)
	}))
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(bin), chromedp.NoSandbox, chromedp.Headless, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.ProxyServer(proxy.URL),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-background-timer-throttling", true), chromedp.Flag("disable-renderer-backgrounding", true),
		chromedp.Flag("disable-features", "AutofillServerCommunication,OptimizationHints,MediaRouter,Translate"),
		chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("hide-scrollbars", true),
		chromedp.WSURLReadTimeout(patience))
	ctx, stopBrowser := chromedp.NewContext(allocator)
	chromium.ctx, chromium.stop = ctx, []func(){stopBrowser, stopAllocator, proxy.Close}
	if err := chromedp.Run(ctx); err != nil {
		chromium.err = fmt.Errorf("start chromium: %w", err)
	}
}

// newWindow opens a window of a new profile, which goes when the test ends.
func newWindow(t *testing.T) target.ID {
	t.Helper()
	ctx := cdp.WithExecutor(chromium.ctx, chromedp.FromContext(chromium.ctx).Browser)
	profile, err := target.CreateBrowserContext().Do(ctx)
	must(t, err)
	t.Cleanup(func() {
		if err := target.DisposeBrowserContext(profile).Do(ctx); err != nil {
			t.Error(err)
		}
	})
	window, err := target.CreateTarget("about:blank").WithBrowserContextID(profile).WithNewWindow(true).Do(ctx)
	must(t, err)
	return window
}

func stopChromium() {
	for _, stop := range chromium.stop {
		stop()
	}
}

// strangers returns which other hosts were asked for since it was last called.
func strangers() []string {
	chromium.mu.Lock()
	defer chromium.mu.Unlock()
	list := chromium.strange
	chromium.strange = nil
	return list
}
