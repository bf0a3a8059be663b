package browser

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestWizard: from nothing to a published configuration in eight steps, in both languages, wide and on a phone, with and
// without scripts: with a mistake on the way, back and forth, and the page loaded again in between.
func TestWizard(t *testing.T) {
	for _, l := range []look{
		{language: "zh-CN"},
		{language: "en", dark: true, width: 360},
		{language: "en", noScript: true},
	} {
		t.Run(fmt.Sprintf("%+v", l), func(t *testing.T) {
			m := startMaster(t, "STARTING_SET=true")
			addServer(t, m)
			tab := open(t, m, l)
			tab.signIn()
			w := wizard{tab: tab, look: l}
			w.play()
		})
	}
}

// wizard is somebody at the wizard.
type wizard struct {
	*tab
	look look
}

func (w wizard) play() {
	w.visit("/admin/wizard")
	w.shows("drafts")
	w.press(`a[href="/admin/wizard/new"]`)
	w.shows("new")
	w.enter("#name", "家庭 & friends")
	w.run(chromedp.Click(`input[name="server_ids"]`, chromedp.ByQuery))
	w.button("next")

	w.at(2)
	w.tick("players", "Infuse")
	w.tick("players", "SenPlayer")
	w.enter(`input[aria-label$="Infuse"][name^="inline."]`, "newest")
	w.button("next")
	w.at(2)
	w.wants("#faults", "Infuse")
	w.shows("2-wrong")
	w.button("go:3")
	w.at(3)
	w.run(chromedp.Reload(), chromedp.WaitReady("main"))
	w.button("back")
	w.at(2)
	w.enter(`input[aria-label$="Infuse"][name^="inline."]`, "8.1")
	w.add("players")
	w.enter(`input[name="players.1.client_name"]`, "家庭播放器")
	w.enter(`[name="players.1.ua_patterns"]`, "^Family/")
	w.shows("2")
	w.button("next")

	w.at(3)
	w.tick("uri-rules", "ping")
	w.add("uri-rules")
	w.enter(`input[name="uri-rules.0.name"]`, "no downloads")
	w.enter(`input[name="uri-rules.0.pattern"]`, "/Sync")
	w.shows("3")
	w.button("next")

	w.at(4)
	w.add("location-rules")
	w.enter(`input[name="location-rules.0.name"]`, "robots")
	w.enter(`input[name="location-rules.0.pattern"]`, "/robots.txt")
	w.enter(`[name="location-rules.0.body"]`, "User-agent: *")
	w.shows("4")
	w.button("next")

	w.at(5)
	w.add("nginx-maps")
	w.enter(`input[name="nginx-maps.0.name"]`, "country")
	w.enter(`input[name="nginx-maps.0.source"]`, "http_cf_ipcountry")
	w.enter(`input[name="nginx-maps.0.entries.0.pattern"]`, "CN")
	w.enter(`input[name="nginx-maps.0.entries.0.value"]`, "home")
	w.add("proxy-headers")
	w.enter(`input[name="proxy-headers.0.name"]`, "country")
	w.enter(`input[name="proxy-headers.0.header"]`, "X-Country")
	w.enter(`input[name="proxy-headers.0.value"]`, "$map_country")
	w.shows("5")
	w.button("next")

	w.at(6)
	w.add("rate-limit-rules")
	w.enter(`input[name="rate-limit-rules.0.rate_per_second"]`, "20")
	w.enter(`input[name="rate-limit-rules.0.rate_burst"]`, "40")
	w.shows("6")
	w.button("next")

	w.at(7)
	w.enter(`[name="profiles.0.concurrent_streams.max_streams"]`, "2")
	w.run(chromedp.Click(`[name="profiles.0.fake_counts_enabled"]`, chromedp.ByQuery))
	w.enter(`[name="profiles.0.fake_counts_value"]`, "888")
	w.enter(`[name="profiles.0.deny_message"]`, "家里人专用")
	w.shows("7")
	w.button("next")

	w.at(8)
	w.wants("main", "8.1")
	w.wants("main", "no downloads")
	w.wants("main", "203.0.113.10")
	w.shows("8")
	w.button("publish")
	w.wants("h1", "#1")
	w.visit("/admin/uri-rules?q=downloads")
	w.wants("main", "/Sync")
	w.visit("/admin/wizard")
	if text := w.text("main"); strings.Contains(text, "家庭 & friends") {
		w.Errorf("the draft is there after it was applied: %s", text)
	}
}

// run is the tab's, with an end: what a step lacks is told at once, and where.
func (w wizard) run(actions ...chromedp.Action) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		w.picture("wizard-lost")
		w.Fatal(err)
	}
}

// at checks which step is shown.
func (w wizard) at(step int) {
	w.Helper()
	w.wantText(`[aria-current="step"]`, fmt.Sprint(step))
}

// wants is wantText with words that both languages have.
func (w wizard) wants(selector, text string) {
	w.Helper()
	w.wantText(selector, text)
}

// shows checks that the page can be used, and takes a picture of it.
func (w wizard) shows(name string) {
	w.Helper()
	if !w.look.noScript {
		w.wantUsable(name)
	}
	if w.look.language == "en" {
		if text := w.text("h2"); strings.ContainsFunc(text, isHan) {
			w.Errorf("%s speaks Chinese to who asks for English: %s", name, text)
		}
	}
	w.picture(fmt.Sprintf("wizard-%s-%d-%t-%s", w.look.language, w.look.width, w.look.noScript, name))
}

// button presses one of the step's buttons, by the keyboard: a click may meet another place of a page that has just changed.
func (w wizard) button(value string) {
	w.Helper()
	w.loads(chromedp.SendKeys(fmt.Sprintf(`button[name="do"][value=%q]:not(.hidden)`, value), kb.Enter, chromedp.ByQuery))
}

// add asks for the form of one more row; with scripts it comes into the page.
func (w wizard) add(section string) {
	w.Helper()
	press := chromedp.SendKeys(fmt.Sprintf(`button[name="add"][value=%q]`, section), kb.Enter, chromedp.ByQuery)
	if w.look.noScript {
		w.loads(press)
		return
	}
	w.run(press, chromedp.WaitReady(fmt.Sprintf(`#%s [autofocus]`, section), chromedp.ByQuery))
}

// enter writes text into an input, in place of what is there.
func (w wizard) enter(selector, text string) {
	w.Helper()
	w.run(chromedp.WaitReady(selector, chromedp.ByQuery), chromedp.SendKeys(selector, kb.End, chromedp.ByQuery),
		chromedp.KeyEvent(kb.Home, chromedp.KeyModifiers(input.ModifierShift)), chromedp.KeyEvent(kb.Delete),
		chromedp.SendKeys(selector, text, chromedp.ByQuery))
}

// tick ticks a row of the library.
func (w wizard) tick(section, name string) {
	w.Helper()
	w.run(chromedp.Click(fmt.Sprintf(`input[name="pick.%s"][aria-label=%q]`, section, name), chromedp.ByQuery))
}
