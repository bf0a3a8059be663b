package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/showcase"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// wait asks for a page until it has the text.
func (b *browser) wait(path, text string) string {
	b.Helper()
	var page string
	testbed.Await(b, time.Minute, func() error {
		if page = b.want(http.StatusOK, path, nil); !strings.Contains(page, text) {
			return fmt.Errorf("%s never has %q: %s", path, text, page)
		}
		return nil
	})
	return page
}

// TestPagesOfLimitsAndPeople: quotas with what they made and a pardon, the audit log of it, sessions that are ended, an
// erasure.
func TestPagesOfLimitsAndPeople(t *testing.T) {
	m := startMaster(t)
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	b.want(http.StatusOK, "/admin/quotas", nil, "There are no quotas yet", "/admin/rate-limit-rules/new")
	admin, err := testbed.Login(t.Context(), m.url, "root", adminPassword)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := showcase.Fill(t.Context(), admin, m.url, showcase.Config{Rows: 20}); err != nil {
		t.Fatal(err)
	}

	all := b.want(http.StatusOK, "/admin/quotas?tz=Asia/Shanghai", nil, "212 GiB</strong> / 200 GiB", "106 %", `class="badge over"`, `class="badge near"`, "rule #2")
	near := b.want(http.StatusOK, "/admin/quotas?tz=Asia/Shanghai&used=near", nil)
	over := b.want(http.StatusOK, "/admin/quotas?tz=Asia/Shanghai&used=over", nil)
	if a, n, o := strings.Count(all, `<th scope="row">`), strings.Count(near, `<th scope="row">`), strings.Count(over, `<th scope="row">`); a != 5 || n != 2 || o != 1 {
		t.Errorf("%d have used of a quota, %d are near it, %d over it", a, n, o)
	}
	b.want(http.StatusUnprocessableEntity, "/admin/quotas?tz=Mars/Olympus", nil, "IANA name")
	form := regexp.MustCompile(`/admin/quotas/pardon/(\d+)`).FindStringSubmatch(over)
	if form == nil {
		t.Fatalf("no enforcement to pardon: %s", over)
	}
	b.want(http.StatusSeeOther, form[0], url.Values{"next": {"/admin/quotas?used=over"}})
	b.want(http.StatusOK, "/admin/quotas?tz=Asia/Shanghai&used=over", nil, "pardoned")
	b.want(http.StatusOK, "/admin/enforcements", nil, "pardoned", "traffic quota used up (daily, rule #2)", "holds")

	log := b.want(http.StatusOK, "/admin/audit?resource=enforcements&action=update", nil, `<dt>Enabled</dt><dd><del>yes</del> <ins>no</ins></dd>`, "root", "/admin/enforcements/"+form[1])
	if strings.Count(log, `<th scope="row">`) != 1 {
		t.Errorf("other entries are shown, too: %s", log)
	}
	b.want(http.StatusOK, "/admin/audit?from=2020-01-01T00:00&to=2020-02-01T00:00", nil, "Nothing matches")
	b.want(http.StatusOK, "/admin/audit?resource=users", nil, "lin", "<details>")

	viewer := newBrowser(t, m)
	viewer.signIn("watcher", "only looks on")
	for _, path := range []string{"/admin/audit", "/admin/privacy"} {
		viewer.want(http.StatusForbidden, path, nil)
	}
	id := profilePath(t, b.want(http.StatusOK, "/admin/users", nil), "watcher")
	b.want(http.StatusOK, id, nil, "End all sessions")
	b.want(http.StatusSeeOther, id+"/end-sessions", url.Values{})
	viewer.want(http.StatusSeeOther, "/admin/", nil)

	user := url.Values{"user_id": {"A1D3C0FFEE00000000000000000000AA"}}
	b.want(http.StatusUnprocessableEntity, "/admin/privacy", url.Values{"user_id": {" "}}, "Enter the user&#39;s id")
	b.want(http.StatusOK, "/admin/privacy", user, "cannot be undone", "Nobody has been erased yet")
	user.Set("sure", "true")
	b.want(http.StatusSeeOther, "/admin/privacy", user)
	b.wait("/admin/privacy", `badge ok">done`)
}
