// Live pages: <div id="…" data-live="TOPIC …"> is exchanged when the master tells that one of its topics has changed. The page
// is fetched again, as it is without a script, and only what differs is touched: focus, open details, what is scrolled and what is typed stay.
"use strict";

(() => {
  const parts = () => [...document.querySelectorAll("[data-live]")];
  const topics = [...new Set(parts().flatMap((part) => part.dataset.live.split(" ")))];
  if (topics.length === 0 || !window.EventSource) return;
  const mark = document.querySelector("[data-live-mark]");
  const show = (state) => { if (mark) { mark.hidden = false; mark.dataset.liveMark = state; } };

  let stream, again, fetching, wanted, pause = 1000; // milliseconds between two fetches

  const refresh = async () => {
    if (fetching) { wanted = true; return; }
    fetching = true;
    wanted = false;
    const began = performance.now();
    try {
      const answer = await fetch(location.href);
      if (answer.redirected) return location.reload(); // signed out
      if (answer.ok) exchange(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      // The stream tells when the master is back.
    }
    pause = Math.max(1000, 5 * (performance.now() - began)); // what is slow to make is made less often
    setTimeout(() => {
      fetching = false;
      if (wanted) refresh();
    }, pause);
  };

  const exchange = (page) => {
    for (const part of parts()) {
      const made = page.getElementById(part.id);
      if (!made) continue;
      const focused = part.contains(document.activeElement);
      morph(part, made);
      if (focused && !part.contains(document.activeElement)) part.querySelector("[tabindex='0']")?.focus();
    }
  };

  // A window that nobody sees holds no stream: browsers have six connections to a host, for all windows.
  const open = () => {
    clearTimeout(again);
    stream?.close();
    if (document.hidden) return;
    stream = new EventSource("/api/v1/admin/events?topics=" + topics.join(","));
    stream.addEventListener("change", () => { show("on"); refresh(); }); // the first one comes at once
    stream.addEventListener("error", () => {
      show("off");
      if (stream.readyState !== EventSource.CLOSED) return;
      refresh(); // which finds out whether anybody is signed in
      again = setTimeout(open, 10000);
    });
  };
  document.addEventListener("visibilitychange", open);
  addEventListener("pageshow", (event) => { if (event.persisted) open(); });
  addEventListener("pagehide", () => stream?.close());
  open();

  const key = (node) => (node.nodeType === 1 ? node.id || node.dataset.key || "" : "");
  const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && !key(a) && !key(b);

  // morph makes one element what another is. Children with a key, an id or data-key, are found wherever they stand.
  function morph(from, to) {
    if (from.nodeType !== 1) {
      if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
      return;
    }
    const kept = (name) => name === "open" && from.nodeName === "DETAILS";
    for (const { name } of [...from.attributes]) if (!kept(name) && !to.hasAttribute(name)) from.removeAttribute(name);
    for (const { name, value } of to.attributes) if (!kept(name) && from.getAttribute(name) !== value) from.setAttribute(name, value);
    const keyed = new Map();
    for (const child of from.childNodes) if (key(child)) keyed.set(key(child), child);
    let next = from.firstChild;
    for (const child of [...to.childNodes]) {
      let mine = key(child) ? keyed.get(key(child)) : next && alike(next, child) ? next : null;
      if (mine && mine.nodeName !== child.nodeName) mine = null;
      if (mine) morph(mine, child);
      if (mine && mine === next) {
        next = next.nextSibling;
      } else if (mine) {
        from.moveBefore ? from.moveBefore(mine, next) : from.insertBefore(mine, next);
      } else {
        from.insertBefore(document.importNode(child, true), next);
      }
      keyed.delete(key(child));
    }
    while (next) {
      const gone = next;
      next = next.nextSibling;
      gone.remove();
    }
  }
})();
