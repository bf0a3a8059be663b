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

// A menu that was opened closes by Escape and gives the focus back.
for (const menu of document.querySelectorAll("details.menu")) {
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}
