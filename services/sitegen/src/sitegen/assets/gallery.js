// The ticked photos' download command.  Without this script the pages lose nothing else.
"use strict";

(function (scope) {
  // A POSIX shell takes everything between single quotes as it stands, but a single quote.
  function quote(text) {
    return "'" + text.split("'").join("'\\''") + "'";
  }

  // One name of a path as it is on disk.  What cannot be decoded, or would not stay one
  // name in its folder, keeps its percent signs.
  function decoded(part) {
    let name;
    try {
      name = decodeURIComponent(part);
    } catch {
      return part;
    }
    return name === "" || name === "." || name === ".." || /[/\0]/.test(name) ? part : name;
  }

  // Where a photo is saved: its path below photos/, so that two albums' photos of one name
  // stay two files.  Of what is no original the page tells that path, its URL does not.
  function place(url, root, file) {
    const bare = url.split(/[?#]/)[0];
    const path = bare.startsWith(root) ? bare.slice(root.length) : bare.replace(/^.*\//, "");
    const name = file || path.replace(/^photos\//, "").split("/").map(decoded).join("/");
    return name.startsWith("-") ? "./" + name : name;
  }

  // --globoff: [ ] { } in a URL mean themselves.  --fail: an error page is not a photo.
  function command(urls, root, files = {}) {
    const head = "curl --fail --globoff --create-dirs";
    const save = (url) => "  --output " + quote(place(url, root, files[url])) + " " + quote(url);
    return [head, ...urls.map(save)].join(" \\\n");
  }

  scope.safelight = { quote, place, command };
  if (typeof document === "undefined") return;

  const bar = document.querySelector(".bar");
  if (!bar) return;
  const find = (selector) => bar.querySelector(selector);
  const boxes = [...document.querySelectorAll(".photos input[type=checkbox]")];
  const root = new URL(document.documentElement.dataset.root, location.href).href;
  const [tools, said, text] = [find(".tools"), find("output"), find(".command")];
  const language = document.documentElement.lang;

  function show() {
    const ticked = boxes.filter((box) => box.checked);
    const bytes = ticked.reduce((sum, box) => sum + Number(box.dataset.bytes), 0);
    const count = ticked.length.toLocaleString(language);
    const words = ticked.length === 1 ? said.dataset.one : said.dataset.other;
    const size = (bytes / 1e6).toLocaleString(language, { maximumFractionDigits: bytes < 1e7 ? 1 : 0 });
    said.textContent = words.replace("{n}", () => count) + (bytes ? " · " + size + " MB" : "");
    const at = (box) => new URL(box.value, location.href).href;
    const files = Object.fromEntries(ticked.map((box) => [at(box), box.dataset.file]));
    text.value = ticked.length ? command(ticked.map(at), root, files) : "";
  }

  let last = null;
  for (const box of boxes) {
    box.addEventListener("click", (event) => {
      if (event.shiftKey && last && last !== box) {
        const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
        for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
      }
      last = box;
      show();
    });
  }

  function tick(value) {
    for (const box of boxes) box.checked = value;
    show();
  }

  async function copy(button) {
    try {
      await navigator.clipboard.writeText(text.value);
    } catch {
      // Plain http has no clipboard: the command is marked, the keyboard does the rest.
      text.focus();
      text.select();
      return;
    }
    const label = button.textContent;
    if (label === button.dataset.done) return;
    button.textContent = button.dataset.done;
    setTimeout(() => (button.textContent = label), 1500);
  }

  bar.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]");
    if (!button) return;
    if (button.dataset.act === "copy") copy(button);
    else tick(button.dataset.act === "all");
  });
  tools.hidden = false;
  // A page that comes back from the history may come with its ticks.
  addEventListener("pageshow", show);
  show();
})(globalThis);
