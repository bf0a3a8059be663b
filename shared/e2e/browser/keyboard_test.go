package browser

import (
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/uhdadmin/media-gateway/shared/showcase"
)

// focus is what has the focus, and whether somebody can see that.
type focus struct {
	Says    string  // its label or its text
	Href    string  // of a link
	Seen    string  // what keeps it from being seen; "" for nothing
	Order   int     // among all elements of the page
	Top     float64 // px, of the page
	Outside bool    // of the page: the browser's own
}

const focusScript = `(() => {
  const e = document.activeElement;
  if (!e || e === document.body) return { outside: true };
  const style = getComputedStyle(e), box = e.getBoundingClientRect();
  let seen = "";
  if (!(style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2)) seen = "no outline";
  else if (box.width === 0 || box.right <= 0 || box.bottom <= 0 || box.left >= innerWidth || box.top >= innerHeight) seen = "out of the window";
  else {
    const at = (x, y) => { const top = document.elementFromPoint(x, y); return top && (e.contains(top) || top.contains(e) || [...(e.labels ?? [])].some((l) => l.contains(top))); };
    const x = Math.min(Math.max((box.left + box.right) / 2, 1), innerWidth - 2), y = Math.min(Math.max((box.top + box.bottom) / 2, 1), innerHeight - 2);
    if (!at(x, y) && !at(box.left + 3, box.top + 3)) seen = "covered";
  }
  const says = e.labels?.[0]?.textContent ?? e.getAttribute("aria-label") ?? e.textContent;
  return {
    says: says.replace(/\s+/g, " ").trim().slice(0, 60), href: e.getAttribute("href") ?? "", seen,
    order: [...document.querySelectorAll("*")].indexOf(e), top: box.top + scrollY,
  };
})()`

// focused returns what has the focus.
func (t *tab) focused() (f focus) {
	t.Helper()
	t.run(chromedp.Evaluate(focusScript, &f))
	return f
}

// tabTo presses Tab until the focus is on what says that; on the way there one always sees where one is.
func (t *tab) tabTo(says string) {
	t.Helper()
	last := t.focused()
	for range 120 {
		t.key(kb.Tab)
		f := t.focused()
		if f.Outside {
			last = focus{}
			continue
		}
		// A field for a time has several stops, whose look is the browser's.
		if f.Seen != "" && f.Order != last.Order {
			t.Errorf("%s: the focus on %q is not seen: %s", t.path(), f.Says, f.Seen)
		}
		if f.Says == says {
			return
		}
		last = f
	}
	t.Fatalf("%s: Tab never gets to %q", t.path(), says)
}

// types enters a text where the focus is, in place of what is there.
func (t *tab) types(text string) {
	t.Helper()
	t.key("a", chromedp.KeyModifiers(input.ModifierCtrl))
	t.run(input.InsertText(text))
}

// TestKeyboardOnly: signing in, the menu, a new server and a publish take nothing but keys, on a phone's width, where the
// menu is closed.
func TestKeyboardOnly(t *testing.T) {
	tab := open(t, startMaster(t), look{language: "en", width: 360})
	tab.visit("/admin/sign-in")
	tab.tabTo("User name")
	tab.types("admin")
	tab.tabTo("Password")
	tab.types(password)
	tab.enter()
	tab.wantText("h1", "Dashboard")

	// The first stop leads past the navigation.
	tab.key(kb.Tab)
	if f := tab.focused(); f.Href != "#main" || f.Seen != "" {
		t.Errorf("the first stop is %+v", f)
	}
	tab.key(kb.Enter)
	tab.key(kb.Tab)
	var inside bool
	tab.run(chromedp.Evaluate(`document.querySelector("main").contains(document.activeElement)`, &inside))
	if !inside {
		t.Errorf("past the navigation there is %+v", tab.focused())
	}

	tab.visit("/admin/")
	tab.tabTo("Menu")
	tab.key(kb.Enter)
	tab.wantOpen(true)
	tab.tabTo("Hosts")
	tab.key(kb.Escape)
	tab.wantOpen(false)
	if f := tab.focused(); f.Says != "Menu" {
		t.Errorf("after Escape the focus is on %+v", f)
	}
	tab.key(" ")
	tab.wantOpen(true)
	tab.tabTo("Servers")
	tab.enter()
	tab.wantText("h1", "Servers")

	tab.tabTo("Add a server")
	tab.enter()
	for _, field := range []struct{ label, text string }{
		{"Name", "Attic"}, {"Host", "203.0.113.20"}, {"Domain name", "attic.example.com"}, {"Address", "203.0.113.20:8096"},
	} {
		tab.tabTo(field.label)
		tab.types(field.text)
	}
	tab.enter() // Enter in a field saves
	tab.wantText(".notice", "Created")

	tab.visit("/admin/publish")
	tab.tabTo("Note")
	tab.types("by keys")
	tab.tabTo("Publish")
	tab.enter()
	tab.wantText("main", "by keys")
}

func (t *tab) wantOpen(want bool) {
	t.Helper()
	var is bool
	t.run(chromedp.Evaluate(`document.querySelector("details.menu").open`, &is))
	if is != want {
		t.Errorf("the menu is open: %v, want %v", is, want)
	}
}

// TestTabThroughPages: Tab gets through each page, from its beginning to its end and out again, and one always sees where
// one is.
func TestTabThroughPages(t *testing.T) {
	m := startMaster(t)
	_, err := showcase.Fill(t.Context(), m.Admin, m.URL, showcase.Config{Rows: 300})
	must(t, err)
	tab := open(t, m, look{language: "en"})
	tab.signIn()
	for _, path := range []string{"/admin/", "/admin/hosts", "/admin/location-rules/1", "/admin/publish", "/admin/snapshots/2", "/admin/sessions", "/admin/explain"} {
		tab.visit(path)
		last, stops := focus{}, 0
		for range 400 {
			tab.key(kb.Tab)
			f := tab.focused()
			if f.Outside || f.Order < last.Order {
				break
			}
			if f.Order == last.Order { // within a field for a time
				continue
			}
			if f.Seen != "" {
				t.Errorf("%s: the focus on %q is not seen: %s", path, f.Says, f.Seen)
			}
			last = f
			stops++
		}
		var all struct{ Count, Last int }
		tab.run(chromedp.Evaluate(`(() => {
			const stops = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
				.filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.disabled && e.tabIndex >= 0 && e.type !== "hidden");
			return { Count: stops.length, Last: [...document.querySelectorAll("*")].indexOf(stops.at(-1)) };
		})()`, &all))
		// Of radio buttons of one name Tab stops at one.
		if last.Order < all.Last || stops < all.Count*2/3 {
			t.Errorf("%s: Tab stops at %d of %d, the last is %q", path, stops, all.Count, last.Says)
		}
	}
}
