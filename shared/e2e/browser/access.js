// Returns what keeps somebody from using the page: a list of texts, empty for nothing.
(() => {
  const found = new Set();
  const say = (what, element) => found.add(what + ": " + element.outerHTML.replace(/\s+/g, " ").slice(0, 140));
  const all = (selector) => [...document.querySelectorAll(selector)];
  const style = getComputedStyle;
  const visible = (e) => e.getClientRects().length > 0 && e.checkVisibility({ visibilityProperty: true });
  const named = (e) => e.getAttribute("aria-label")?.trim() || e.getAttribute("aria-labelledby");

  // Names: of what is filled in, pressed and looked at.
  for (const e of all("input:not([type=hidden]), select, textarea, meter, progress")) {
    const label = [...(e.labels ?? [])].some((l) => l.textContent.trim());
    if (!label && !named(e)) say("no label", e);
  }
  for (const e of all("label[for]")) if (!document.getElementById(e.htmlFor)) say("a label of nothing", e);
  const hidden = (e) => e.closest("[aria-hidden=true]");
  for (const e of all("a[href], button, input, select, textarea, summary, [tabindex]")) if (hidden(e) && e.tabIndex >= 0) say("focus on what is hidden", e);
  for (const e of all("a, button, summary, legend, th, [role=button]")) {
    if (!hidden(e) && !e.textContent.trim() && !named(e) && !e.querySelector("img[alt]:not([alt=''])")) say("no name", e);
  }
  for (const e of all("img:not([alt])")) say("no alt", e);
  for (const e of all("svg")) if (!hidden(e) && !named(e) && !e.querySelector("title")) say("a drawing without a name", e);
  for (const e of all("[role=region], [role=group], nav ~ nav")) if (!named(e)) say("a region without a name", e);
  if (all("nav").length > 1) for (const e of all("nav")) if (!named(e)) say("one of several navigations without a name", e);

  // Structure.
  if (!document.documentElement.lang) found.add("no language");
  if (!document.title.trim()) found.add("no title");
  if (all("main").length !== 1) found.add("not one main");
  let level = 0;
  const headings = all("main :is(h1, h2, h3, h4, h5, h6)").filter(visible);
  if (headings.filter((h) => h.tagName === "H1").length !== 1) found.add("not one h1");
  for (const h of headings) {
    const next = Number(h.tagName[1]);
    if (next > level + 1) say("a heading's level is left out", h);
    level = next;
  }
  for (const table of all("table")) if (!table.querySelector("thead th[scope=col]")) say("no column headers", table);
  for (const th of all("th:not([scope])")) say("a header cell without scope", th);
  const ids = new Set();
  for (const e of all("[id]")) {
    if (ids.has(e.id)) say("id used twice", e);
    ids.add(e.id);
  }
  for (const name of ["aria-describedby", "aria-labelledby", "aria-controls", "aria-owns", "aria-activedescendant", "aria-errormessage"]) {
    for (const e of all(`[${name}]`)) {
      for (const id of e.getAttribute(name).split(/\s+/)) if (!ids.has(id)) say(`${name} names nothing (${id})`, e);
    }
  }

  // Contrast. A canvas turns what a style sheet may say into numbers.
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const rgba = (colour) => {
    if (!known.has(colour)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      known.set(colour, [r, g, b, a / 255]);
    }
    return known.get(colour);
  };
  const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
  const background = (e) => {
    if (!e) return rgba(matchMedia("(prefers-color-scheme: dark)").matches ? "black" : "white");
    const own = rgba(style(e).backgroundColor);
    return own[3] === 1 ? own : over(own, background(e.parentElement));
  };
  const opacity = (e) => (e ? Number(style(e).opacity) * opacity(e.parentElement) : 1);
  const luminance = (colour) => {
    const [r, g, b] = colour.map((c) => ((c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (e, colour, what) => {
    const ground = background(e);
    const [r, g, b, a] = rgba(colour);
    const [x, y] = [luminance(over([r, g, b, a * opacity(e)], ground)), luminance(ground)];
    const ratio = (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
    if (ratio < 4.5) say(`contrast ${ratio.toFixed(2)}${what}`, e);
  };
  for (const e of all("body, body *")) {
    if (!visible(e) || e.closest("option, svg [aria-hidden=true]")) continue;
    const field = e.matches("input:not([type=checkbox], [type=radio]), select, textarea");
    const text = [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim());
    if (field || text) contrast(e, e.closest("svg") ? style(e).fill : style(e).color, "");
    if (field && e.placeholder) contrast(e, style(e, "::placeholder").color, " of the placeholder");
    for (const pseudo of ["::before", "::after"]) {
      const s = style(e, pseudo);
      if (/^"\s*[^"\s]/.test(s.content)) contrast(e, s.color, " of " + pseudo);
    }
  }

  // Keyboard: the order of the focus is that of the eye, within each column of the page.
  const targets = all("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")
    .filter((e) => visible(e) && !e.disabled && e.tabIndex >= 0 && e.getBoundingClientRect().right > 0);
  for (const e of all("[tabindex]")) if (e.tabIndex > 0) say("changes the order of the focus", e);
  const scroller = (e) => e && (/auto|scroll/.test(style(e).overflow) && (e.scrollHeight > e.clientHeight || e.scrollWidth > e.clientWidth) ? e : scroller(e.parentElement));
  const inside = (e) => e.closest("table, details:not(.menu), dialog") ?? scroller(e.parentElement);
  targets.forEach((b, i) => {
    const a = targets[i - 1];
    if (!a || a.contains(b) || inside(a) !== inside(b)) return;
    const [p, q] = [a.getBoundingClientRect(), b.getBoundingClientRect()];
    const above = q.bottom <= p.top + 1, beside = !above && q.top < p.bottom - 1;
    if (above && q.left < p.right) say("the focus goes up", b);
    if (beside && q.right <= p.left) say("the focus goes left", b);
  });

  // Pointer: 24 px, or that far from the next; a link in a sentence and the browser's own boxes are as they are.
  const spot = (e) => {
    const rects = [e, ...(e.matches("input") ? (e.labels ?? []) : [])].map((x) => x.getBoundingClientRect());
    return {
      left: Math.min(...rects.map((r) => r.left)), right: Math.max(...rects.map((r) => r.right)),
      top: Math.min(...rects.map((r) => r.top)), bottom: Math.max(...rects.map((r) => r.bottom)),
    };
  };
  const pressed = targets.filter((e) => !e.matches("[tabindex='0']:not(a, button)"));
  const spots = pressed.map(spot);
  const sentence = (e) => style(e).display === "inline" && [...e.parentElement.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && /\S{2}/.test(n.textContent));
  pressed.forEach((e, i) => {
    const s = spots[i];
    if (Math.min(s.right - s.left, s.bottom - s.top) >= 23.5 || sentence(e)) return;
    const [x, y] = [(s.left + s.right) / 2, (s.top + s.bottom) / 2];
    const near = spots.some((o, j) => {
      if (i === j || pressed[j].contains(e) || e.contains(pressed[j])) return false;
      const [dx, dy] = [Math.max(o.left - x, 0, x - o.right), Math.max(o.top - y, 0, y - o.bottom)];
      return Math.hypot(dx, dy) < 11.5;
    });
    if (near) say(`a target of ${Math.round(s.right - s.left)} × ${Math.round(s.bottom - s.top)} px close to another`, e);
  });

  // Width: nothing is wider than the window; what scrolls does so by keyboard, too.
  if (document.documentElement.scrollWidth > innerWidth) {
    found.add("wider than the window: " + document.documentElement.scrollWidth);
    for (const e of all("main *")) if (visible(e) && e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, pre")) say("sticks out", e);
  }
  for (const e of all("main *, nav")) {
    if (!visible(e) || e.matches("textarea, select, input, .hidden")) continue;
    const { overflowX, overflowY } = style(e);
    const wide = e.scrollWidth > e.clientWidth + 1, high = e.scrollHeight > e.clientHeight + 1;
    const scrolls = (wide && /auto|scroll/.test(overflowX)) || (high && /auto|scroll/.test(overflowY));
    const reached = (e.tabIndex === 0 && e.hasAttribute("tabindex") && named(e)) || (!wide && e.querySelector("a[href], button, input, select, summary"));
    if (scrolls && !reached) say("scrolls by pointer alone", e);
    if (wide && overflowX === "hidden" && style(e).textOverflow !== "ellipsis") say("cut off", e);
    if (wide && overflowX === "visible" && style(e).display !== "inline" && e.clientWidth > 0 && !e.closest("table, svg")) say("runs out of its box", e);
  }
  return [...found];
})();
