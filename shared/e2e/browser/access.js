// Returns what keeps somebody from using the page: a list of texts, empty for nothing.
(() => {
  const found = [];
  const say = (what, element) => found.push(what + ": " + element.outerHTML.slice(0, 120));
  const visible = (e) => e.getClientRects().length > 0 && getComputedStyle(e).visibility !== "hidden";

  for (const input of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (!input.labels?.length && !input.getAttribute("aria-label")) say("no label", input);
  }
  for (const control of document.querySelectorAll("a, button, summary")) {
    if (!control.textContent.trim() && !control.getAttribute("aria-label") && !control.querySelector("img[alt]:not([alt=''])")) say("no name", control);
    if (control.tabIndex > 0) say("changes the order of the focus", control);
  }
  for (const image of document.querySelectorAll("img")) if (!image.hasAttribute("alt")) say("no alt", image);
  for (const table of document.querySelectorAll("table")) {
    if (!table.querySelector("thead th[scope=col]")) say("no column headers", table);
  }
  const ids = new Set();
  for (const e of document.querySelectorAll("[id]")) {
    if (ids.has(e.id)) say("id used twice", e);
    ids.add(e.id);
  }
  for (const e of document.querySelectorAll("[aria-describedby]")) {
    if (!document.getElementById(e.getAttribute("aria-describedby"))) say("described by nothing", e);
  }

  let level = 0;
  const headings = [...document.querySelectorAll("main h1, main h2, main h3, main h4")];
  if (headings.filter((h) => h.tagName === "H1").length !== 1) found.push("not one h1");
  for (const h of headings) {
    const next = Number(h.tagName[1]);
    if (next > level + 1) say("a heading's level is left out", h);
    level = next;
  }

  const rgb = (text) => text.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => ((c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const background = (e) => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const seen = new Set();
  for (const e of document.querySelectorAll("body *")) {
    if (!visible(e) || ![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    const [a, b] = [luminance(rgb(getComputedStyle(e).color)), luminance(background(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const kind = e.tagName + "." + e.className + ratio.toFixed(2);
    if (ratio < 4.5 && !e.closest(":disabled, option") && !seen.has(kind)) {
      seen.add(kind);
      say("contrast " + ratio.toFixed(2), e);
    }
  }
  if (document.documentElement.scrollWidth > innerWidth) found.push("wider than the window: " + document.documentElement.scrollWidth);
  if (!document.documentElement.lang) found.push("no language");
  return found;
})();
