// Before anything is painted: which light the visitor chose, and that there is a script (for what
// would do nothing without one is not shown then).  So this file is small, and not deferred.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const other = (light) => (light === "dark" ? "light" : "dark");
  // What it is for whoever has not chosen: as the site's settings say, or the visitor's system.
  const given = root.dataset.light;
  const own = () => given ?? (system.matches ? "dark" : "light");

  function show(light) {
    const chosen = light === "dark" || light === "light" ? light : given;
    if (chosen) root.dataset.light = chosen;
    else delete root.dataset.light;
  }

  try {
    show(localStorage.getItem("safelight:light"));
    addEventListener("storage", (event) => event.key === "safelight:light" && show(event.newValue));
  } catch {
    // No storage, no memory: the button works for this page.
  }

  addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-act=light]")) {
      button.addEventListener("click", () => {
        const light = other(root.dataset.light ?? own());
        // Whoever is back at what was given goes with that again.
        const back = light === own();
        show(back ? null : light);
        try {
          if (back) localStorage.removeItem("safelight:light");
          else localStorage.setItem("safelight:light", light);
        } catch {
          // As above.
        }
      });
    }
  });
})();
