// What the pages do better with a script; all of them work without.
"use strict";

// Times are written in the browser's zone: the server learns of it once.
(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone || document.cookie.split("; ").includes("uhd_tz=" + encodeURIComponent(zone))) return;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = "uhd_tz=" + encodeURIComponent(zone) + "; Path=/admin/; Max-Age=31536000; SameSite=Lax" + secure;
  if (document.querySelector("time") && document.cookie.includes("uhd_tz=")) location.reload();
})();

// The column of links shows the one of this page; where style alone cannot open it, it is opened here.
(() => {
  const menu = document.querySelector("details.menu");
  if (!menu) return;
  if (matchMedia("(min-width: 60rem)").matches && !CSS.supports("selector(::details-content)")) menu.open = true;
  menu.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest" });
})();

// A menu that was opened closes by Escape and gives the focus back.
for (const menu of document.querySelectorAll("details.menu")) {
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

// Rows of a form come and go in place. The server makes the form, as it does without a script.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("form[data-rows] button[name=add], form[data-rows] button[name=remove]");
  if (!button) return;
  event.preventDefault();
  const form = button.form;
  const entered = new URLSearchParams(new FormData(form));
  entered.append(button.name, button.value);
  try {
    const answer = await fetch(form.action, { method: "POST", body: entered });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const made = page.querySelector("form[data-rows]");
    form.replaceWith(made);
    const list = button.value.replace(/\.\d+$/, "");
    (made.querySelector("[autofocus]") ?? made.querySelector(`button[name=add][value="${CSS.escape(list)}"]`))?.focus();
  } catch {
    form.requestSubmit(button);
  }
});

// What rules would have refused is asked about as soon as a form is there, and again when it changes.
(() => {
  const pause = 600; // milliseconds without a change
  let timer, asking;
  const ask = async (button) => {
    clearTimeout(timer);
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    const shown = document.getElementById("hindsight");
    const entered = new URLSearchParams(new FormData(button.form));
    entered.append(button.name, button.value);
    shown.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(button.formAction, { method: "POST", body: entered, signal });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const made = page.getElementById("hindsight");
      if (signal.aborted || !made) return;
      const focused = document.activeElement === button;
      shown.replaceChildren(...made.childNodes);
      if (focused) shown.querySelector("[data-hindsight]")?.focus();
    } catch {
      // What is shown stays, and so does the button.
    } finally {
      if (!signal.aborted) shown.removeAttribute("aria-busy");
    }
  };
  const changed = (event) => {
    const form = event.target.form;
    if (!form?.querySelector("[data-hindsight]")) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      const button = form.querySelector("[data-hindsight]"); // an answer brings a new one
      if (button) ask(button);
    }, pause);
  };
  document.addEventListener("input", changed);
  document.addEventListener("change", changed);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-hindsight]");
    if (!button) return;
    event.preventDefault();
    ask(button);
  });
  const first = document.querySelector("[data-hindsight]");
  if (first) ask(first);
})();

// Long work says that it is under way, and is asked for once: a form with data-busy, and links to pages that render every host.
(() => {
  const tell = (place, text) => {
    const said = document.createElement("p");
    said.className = "busy";
    said.setAttribute("role", "status");
    place.after(said);
    said.textContent = text;
  };
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.busy || event.defaultPrevented) return;
    if (form.querySelector("[aria-busy]")) return event.preventDefault();
    const button = event.submitter ?? form.querySelector("button");
    button.setAttribute("aria-busy", "true"); // not disabled, which would keep its value from being sent
    tell(button.closest(".buttons") ?? button, form.dataset.busy);
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='/admin/publish'], a[href$='/rollback']");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || document.querySelector(".busy")) return;
    const main = document.getElementById("main");
    tell(main.querySelector(".head:has(h1)") ?? main.querySelector("h1"), main.dataset.preview);
  });
  // Who comes back to the page as it was left may ask again.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const said of document.querySelectorAll(".busy")) said.remove();
    for (const button of document.querySelectorAll("button[aria-busy]")) button.removeAttribute("aria-busy");
  });
})();

// What is shown once is copied by a button, where the browser lets pages copy.
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.closest("section").querySelector(".secret").textContent + "\n");
    button.textContent = button.dataset.copy;
  });
}
