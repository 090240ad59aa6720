// Before anything is painted: which light the visitor chose, and that there is a script (for what
// would do nothing without one is not shown then).  So this file is small, and not deferred.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const other = (light) => (light === "dark" ? "light" : "dark");
  const own = () => (system.matches ? "dark" : "light");

  function show(light) {
    if (light === "dark" || light === "light") root.dataset.light = light;
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
        // Whoever is back at what the system says goes with the system again.
        show(light === own() ? null : light);
        try {
          if (root.dataset.light) localStorage.setItem("safelight:light", light);
          else localStorage.removeItem("safelight:light");
        } catch {
          // As above.
        }
      });
    }
  });
})();
