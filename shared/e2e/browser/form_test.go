package browser

import (
	"context"
	"fmt"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// find returns a selector of the first element that a visitor can see and that find.js finds by what it says: a field by
// its label, a button, link or summary by its text. within narrows it down, as in `form[action="/admin/publish"]`.
func (t *tab) find(within, kind, says string) string {
	t.Helper()
	var selector string
	t.run(chromedp.Evaluate(fmt.Sprintf(`(%s)(%q, %q, %q)`, findScript, within, kind, says), &selector))
	if selector == "" {
		t.Fatalf("%s has no %s that says %q: %s", within, kind, says, t.text("main"))
	}
	return selector
}

const findScript = `(within, kind, says) => {
  const kinds = { field: "input:not([type=hidden]), select, textarea", press: "button, a[href], summary" };
  const text = (e) => e.textContent.replace(/\s+/g, " ").trim();
  const found = [...document.querySelectorAll(within)].flatMap((w) => [...w.querySelectorAll(kinds[kind])]).find((e) =>
    e.checkVisibility() && !e.closest("[aria-hidden=true]") && (kind === "press" ? text(e) === says : [...(e.labels ?? [])].some((l) => text(l) === says)));
  if (!found) return "";
  // By its place: a mark on it would not outlive what exchanges parts of the page.
  let path = "";
  for (let e = found; e !== document.body; e = e.parentElement) path = " > :nth-child(" + ([...e.parentElement.children].indexOf(e) + 1) + ")" + path;
  return "body" + path;
}`

// fill enters texts into fields: pairs of labels and what is entered. Of a select, it is the value of an option.
func (t *tab) fill(within string, pairs ...string) {
	t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		t.set(t.find(within, "field", pairs[i]), pairs[i+1])
	}
}

// set enters a text into the field that a selector finds, in place of what is there.
func (t *tab) set(selector, value string) {
	t.Helper()
	var chosen bool
	t.run(chromedp.WaitVisible(selector, chromedp.ByQuery), chromedp.Evaluate(fmt.Sprintf(`((e, value) => {
		e.focus();
		if (e.tagName !== "SELECT") return e.select(), false;
		e.value = value;
		return e.value === value;
	})(document.querySelector(%q), %q)`, selector, value), &chosen))
	if !chosen {
		t.run(input.InsertText(value))
	}
	if got := t.value(selector); got != value {
		t.Fatalf("%s takes %q as %q", selector, value, got)
	}
}

func (t *tab) value(selector string) (value string) {
	t.Helper()
	t.run(chromedp.Value(selector, &value, chromedp.ByQuery))
	return value
}

// click presses a button, link or summary by its text.
func (t *tab) click(within, says string) {
	t.Helper()
	t.run(chromedp.Click(t.find(within, "press", says), chromedp.ByQuery))
}

// follow presses a button or link by its text, and waits for the page it leads to.
func (t *tab) follow(within, says string) {
	t.Helper()
	t.press(t.find(within, "press", says))
}

// key presses a key, as kb.Tab, with modifiers.
func (t *tab) key(key string, options ...chromedp.KeyOption) {
	t.Helper()
	t.run(chromedp.KeyEvent(key, options...))
}

// enter presses Enter on what has the focus, and waits for the page it leads to.
func (t *tab) enter() {
	t.Helper()
	t.loads(chromedp.ActionFunc(func(ctx context.Context) error { return chromedp.KeyEvent(kb.Enter).Do(ctx) }))
}
