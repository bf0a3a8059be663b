package browser

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// reporter is what a slave says to its master.
type reporter struct {
	t     *testing.T
	url   string
	token string
}

func newReporter(t *testing.T, m *testbed.Master, server int64) *reporter {
	t.Helper()
	token, err := m.Admin.NewToken(t.Context(), server)
	must(t, err)
	return &reporter{t, m.URL, token}
}

// post sends body to a path below /api/v1.
func (r *reporter) post(path, body string) {
	r.t.Helper()
	r.send(http.MethodPost, path, body)
}

func (r *reporter) send(method, path, body string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+"/api/v1/"+path, bytes.NewBufferString(body))
	must(r.t, err)
	req.Header.Set("Authorization", "Bearer "+r.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	must(r.t, err)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		r.t.Fatalf("%s %s answers %s", method, path, res.Status)
	}
}

func (r *reporter) checkIn(user string) {
	r.t.Helper()
	r.post("slave/sessions/checkin", fmt.Sprintf(`{"play_session_id": "p-%[1]s", "user_id": %[1]q, "device_id": "d-%[1]s", "device_name": "Apple TV",
		"item_id": "4711", "client_name": "Infuse", "client_ip": "192.0.2.9"}`, user))
}

// awaits waits until a script, that says true or false, says true: without loading the page again.
func (t *tab) awaits(what, script string) {
	t.Helper()
	testbed.Await(t, patience, func() error {
		done := false
		if err := chromedp.Run(t.ctx, chromedp.Evaluate(script, &done)); err != nil {
			return err
		}
		if !done {
			return fmt.Errorf("waited in vain until %s", what)
		}
		return nil
	})
}

// TestLiveStreams: streams come and go while one looks, and what one has opened, typed and is at stays.
func TestLiveStreams(t *testing.T) {
	m := startMaster(t)
	addServer(t, m)
	slave := newReporter(t, m, 1)
	slave.checkIn("anna")
	tab := open(t, m, look{language: "en"})
	tab.signIn()
	tab.visit("/admin/sessions")
	tab.wantText("#streams tbody", "anna")
	tab.awaits("the page says that it is live", `document.querySelector("[data-live-mark]").dataset.liveMark === "on"`)
	tab.run(
		chromedp.Evaluate(`window.same = true; document.querySelector("tr summary").click(); document.querySelector("#streams").scrollIntoView()`, nil),
		chromedp.SendKeys("#q", "half a na", chromedp.ByQuery),
		chromedp.Focus("tr details button", chromedp.ByQuery),
	)
	slave.checkIn("bert")
	tab.awaits("bert is there", `document.querySelector("#streams tbody").textContent.includes("bert")`)
	tab.awaits("nothing else has changed", `window.same && document.querySelector("tr details").open && document.querySelector("#q").value === "half a na" &&
		document.activeElement === document.querySelector("tr details button")`)
	tab.picture("live-streams")
	slave.post("slave/sessions/end", `{"sessions": [{"play_session_id": "p-anna", "user_id": "anna", "device_id": "d-anna"}]}`)
	tab.awaits("anna has gone", `!document.querySelector("#streams tbody").textContent.includes("anna") && window.same`)
	tab.awaits("the focus is kept near", `document.activeElement.closest("#streams") !== null`)
}

// TestLiveDistribution: the way of a publish to its hosts changes while one looks, and a failure says why.
func TestLiveDistribution(t *testing.T) {
	m := startMaster(t)
	addServer(t, m)
	slave := newReporter(t, m, 1)
	snapshot, err := m.Admin.Publish(t.Context(), "live")
	must(t, err)
	tab := open(t, m, look{language: "en"})
	tab.signIn()
	tab.visit(fmt.Sprintf("/admin/snapshots/%d", snapshot))
	tab.wantText("#progress", "0 of 1 hosts have applied it")
	tab.run(chromedp.Evaluate(`window.same = true`, nil))
	slave.send(http.MethodGet, "media-slave/config", "")
	tab.awaits("it is delivered", `document.querySelector("#progress tbody").textContent.includes("delivered")`)
	slave.post("media-slave/ack", fmt.Sprintf(`{"snapshot_id": %d, "status": "failed", "stage": "test", "error": "nginx: [emerg] <no> such file"}`, snapshot))
	tab.awaits("the failure says why", `document.querySelector("#progress tbody").textContent.includes("nginx: [emerg] <no> such file")`)
	slave.post("media-slave/ack", fmt.Sprintf(`{"snapshot_id": %d, "status": "applied"}`, snapshot))
	tab.awaits("it is applied", `document.querySelector("#progress [aria-live]").textContent === "1 of 1 hosts have applied it" && window.same`)
	tab.visit("/admin/")
	tab.run(chromedp.Evaluate(`window.same = true`, nil))
	slave.post("media-slave/ack", fmt.Sprintf(`{"snapshot_id": %d, "status": "failed", "stage": "verify", "error": "no answer"}`, snapshot))
	tab.awaits("the dashboard has the failure", `document.querySelector("#dashboard").textContent.includes("no answer") && window.same`)
}

// TestBusy: a publish says that it is under way, and is sent once.
func TestBusy(t *testing.T) {
	m := startMaster(t)
	addServer(t, m)
	tab := open(t, m, look{language: "en"})
	tab.signIn()
	tab.visit("/admin/publish")
	var said string
	tab.loads(chromedp.Evaluate(`(() => {
		const button = document.querySelector("main form[data-busy] button");
		button.click();
		const said = document.querySelector("main form .busy")?.textContent;
		let refused = false;
		addEventListener("submit", (event) => { refused = event.defaultPrevented; });
		button.click();
		return said + (refused ? "" : " and is sent twice");
	})()`, &said))
	if said != "Publishing, please wait…" {
		t.Errorf("a publish that is under way says %q", said)
	}
	var snapshots struct{ Items []struct{ ID int64 } }
	must(t, m.Admin.Do(t.Context(), http.MethodGet, "snapshots", nil, &snapshots))
	if len(snapshots.Items) != 1 {
		t.Errorf("two clicks have published %d times", len(snapshots.Items))
	}
}
