// The light the visitor chose, before anything is painted: so this script is small and not deferred.
"use strict";
(() => {
  const root = document.documentElement;
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
      button.hidden = false;
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
