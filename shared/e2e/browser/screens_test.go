package browser

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/uhdadmin/media-gateway/shared/showcase"
)

// maxScreen is how many bytes a picture of the README may have.
const maxScreen = 200_000

// TestScreens makes the pictures of the READMEs:
//
//	SCREENSHOTS=$PWD/docs/screens go test ./shared/e2e/browser -run TestScreens -count 1
func TestScreens(t *testing.T) {
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		t.Skip("SCREENSHOTS names no directory")
	}
	m := startMaster(t)
	_, err := showcase.Fill(t.Context(), m.Admin, m.URL, showcase.Config{Rows: 120_000, Span: 48 * time.Hour})
	must(t, err)
	must(t, os.MkdirAll(dir, 0o755))
	for _, language := range []string{"zh", "en"} {
		for _, screen := range []struct {
			name, path string
			dark       bool
		}{
			{"dashboard", "/admin/", language == "en"},
			{"hosts", "/admin/hosts", language == "zh"},
			{"wizard", "/admin/wizard/1/3", language == "en"},
			{"explain", "/admin/explain?request_id=" + showcase.Refused, language == "zh"},
		} {
			tab := open(t, m, look{language: language, dark: screen.dark})
			tab.signIn()
			tab.visit(screen.path)
			var picture []byte
			tab.run(chromedp.ActionFunc(func(ctx context.Context) (err error) {
				picture, err = page.CaptureScreenshot().WithFormat(page.CaptureScreenshotFormatWebp).WithQuality(85).Do(ctx)
				return err
			}))
			if len(picture) > maxScreen {
				t.Errorf("%s in %s has %d bytes, at most %d are allowed", screen.name, language, len(picture), maxScreen)
			}
			must(t, os.WriteFile(filepath.Join(dir, screen.name+"-"+language+".webp"), picture, 0o644))
		}
	}
}
