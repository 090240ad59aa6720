// What the pages gain where there is a script: the ticked photos are remembered, counted and turned
// into a download command; photos open in a viewer; URLs can be copied.  Nothing needs it.
"use strict";

(function (scope) {
  // Names and commands

  // Control characters, and those that make text look other than it is.
  const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
  const ODD = new RegExp(UNSEEN.source, "gu");
  const bytes = (text) => new TextEncoder().encode(text);

  function decoded(part) {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  }

  const bare = (url, root) => {
    const plain = url.split(/[?#]/)[0];
    return plain.startsWith(root) ? plain.slice(root.length) : plain.replace(/^.*\//, "");
  };

  // Where a photo is saved: its path below photos/, so that two albums' photos of one name stay two
  // files.  What is no original says so itself (file).
  function place(url, root, file) {
    if (file) return file;
    const parts = bare(url, root).replace(/^photos\//, "").split("/");
    return parts.map((part) => decoded(part).replaceAll("/", "_")).join("/");
  }

  // A name without its last letters where it has more than so many bytes.
  function cut(name, room) {
    const kept = [...name];
    while (bytes(kept.join("")).length > room) kept.pop();
    return kept.join("");
  }

  const ending = (name) => /(\.[^.]{1,12})?$/.exec(name)[0];

  // One name of a path as a disk takes it: never one that leads elsewhere, at most 255 bytes.
  function fit(name, windows, tail = "") {
    let made = name.replaceAll("\0", "_").replace(/^\.{0,2}$/, "_$&");
    if (windows) {
      made = made
        .replace(ODD, "_")
        .replace(/[<>:"\\|?*]/g, "_")
        .replace(/^(con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[\d¹²³])(?= *(?:\.|$))/i, "$1_");
    }
    const end = tail + ending(made);
    made = cut(made.slice(0, made.length - end.length + tail.length), 255 - bytes(end).length) + end;
    return windows ? made.replace(/[. ]+$/, (end) => "_".repeat(end.length)) : made;
  }

  // Each photo with a path of its own: where one photo is called as another's folder, and on disks
  // that take A for a, and é for é spelt in another way (those of Windows and of Macs).
  function placed(photos, { windows = false, alike = windows || /mac|win/i.test(scope.navigator?.platform) } = {}) {
    const same = (path) => (alike ? path.normalize("NFC").toLowerCase().toUpperCase() : path);
    const parts = photos.map(({ path }) => path.split("/").map((part) => fit(part, windows)));
    const taken = new Set(parts.flatMap((names) => names.map((_, depth) => same(names.slice(0, depth).join("/")))));
    return photos.map(({ url }, number) => {
      const folder = parts[number].slice(0, -1);
      const name = parts[number].at(-1);
      let path;
      for (let n = 1; ; n++) {
        path = [...folder, n > 1 ? fit(name, windows, "~" + n) : name].join("/");
        if (!taken.has(same(path))) break;
      }
      taken.add(same(path));
      // A path that begins with a dash would be an option.
      return { url, path: path.startsWith("-") ? "./" + path : path };
    });
  }

  // A POSIX shell takes all between single quotes as it stands, but a single quote.  What cannot be
  // seen is spelt in octal, in the quotes that bash, zsh and ksh have for it.
  function quote(text) {
    if (!UNSEEN.test(text)) return "'" + text.replaceAll("'", "'\\''") + "'";
    const octal = (char) => Array.from(bytes(char), (byte) => "\\" + byte.toString(8).padStart(3, "0")).join("");
    return "$'" + text.replace(/[\\'!]/g, octal).replace(ODD, octal) + "'";
  }

  // PowerShell takes typographic quotes for quotes too; each is doubled.
  const quotePower = (text) => "'" + text.replace(/['\u2018-\u201b]/g, "$&$&") + "'";

  const folders = (photos) => [...new Set(photos.map(({ path }) => path.replace(/\/?[^/]*$/, "")))].filter(Boolean);

  const ways = {
    // --globoff: [ ] { } in a URL mean themselves.  --fail: an error page is not a photo.  A
    // hundred at a time, because a command's length has an end.
    curl(photos) {
      const made = placed(photos).map(({ url, path }) => `  --output ${quote(path)} ${quote(url)}`);
      const commands = [];
      while (made.length) commands.push(["curl --fail --globoff --create-dirs", ...made.splice(0, 100)].join(" \\\n"));
      return commands.join("\n");
    },
    wget(photos) {
      const made = placed(photos);
      return [
        ...folders(made).map((folder) => `mkdir -p ${quote(folder)}`),
        ...made.map(({ url, path }) => `wget --output-document=${quote(path)} ${quote(url)}`),
      ].join("\n");
    },
    // .NET's own, because Invoke-WebRequest takes [ ] in a file's name for a pattern.
    powershell(photos) {
      return [
        "function Save-Photo($url, $path) {",
        "  $file = [IO.Path]::Combine($PWD.ProviderPath, $path)",
        "  [void][IO.Directory]::CreateDirectory([IO.Path]::GetDirectoryName($file))",
        "  (New-Object Net.WebClient).DownloadFile($url, $file)",
        "}",
        ...placed(photos, { windows: true }).map(({ url, path }) => `Save-Photo ${quotePower(url)} ${quotePower(path)}`),
      ].join("\n");
    },
    aws(photos, root, bucket) {
      const from = (url) => `s3://${bucket || "BUCKET"}/` + decoded(bare(url, root));
      return placed(photos).map(({ url, path }) => `aws s3 cp ${quote(from(url))} ${quote(path)}`).join("\n");
    },
    urls: (photos) => photos.map(({ url }) => url).join("\n"),
  };

  scope.safelight = { place, fit, placed, quote, quotePower, ways };
  if (typeof document === "undefined") return;

  // The selection

  const html = document.documentElement;
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const here = location.href.split("#")[0];
  const root = new URL(html.dataset.root, here).href;
  const language = html.lang;
  const KEY = "safelight:" + root;
  const bar = find(".bar");
  const basket = find(".basket");
  if (!bar || !basket) return;

  const boxes = all("input[name=photo]");
  // By the path it is saved under: url, bytes, name, thumbnail and page, all below the root.
  let picked = new Map();
  let stored = true;

  const below = (url, base) => {
    const full = new URL(url, base).href;
    return full.startsWith(root) && full.slice(root.length);
  };

  // What a tick box says of its photo; base is the page it is on.
  function entry(box, base = here) {
    const around = box.closest("li, article");
    const image = find("img", around);
    const page = find(".plate", around) ? find(".frame", around).getAttribute("href") : base;
    const name = find(".plate bdi, h1", around).textContent;
    const url = below(box.getAttribute("value"), base);
    return [place(root + url, root, box.dataset.file), [url, Number(box.dataset.bytes), name, below(image.getAttribute("src"), base), below(page, base)]];
  }

  // Whatever else of this host may have written there is looked at before it is believed.
  function read() {
    try {
      const found = Object.entries(JSON.parse(localStorage.getItem(KEY)) ?? {});
      const good = ([, [url, size, , image, page]]) => size >= 0 && [url, image, page].every((each) => below(each, root));
      picked = new Map(found.filter(good));
      return true;
    } catch {
      return false;
    }
  }

  function write() {
    try {
      if (picked.size) localStorage.setItem(KEY, JSON.stringify(Object.fromEntries(picked)));
      else localStorage.removeItem(KEY);
    } catch {
      stored = false; // full, or not allowed: this page remembers, others do not
    }
    show();
  }

  const pick = (box, on = box.checked) => {
    const [path, row] = entry(box);
    if (on) picked.set(path, row);
    else picked.delete(path);
  };

  const photos = () => [...picked].map(([path, [url]]) => ({ path, url: root + url })).sort((a, b) => (a.path < b.path ? -1 : 1));
  const megabytes = (size) => (size ? (size / 1e6).toLocaleString(language, { maximumFractionDigits: size < 1e7 ? 1 : 0 }) + " MB" : "");

  function sum() {
    const { one, other } = find("output", bar).dataset;
    const words = (picked.size === 1 ? one : other).replace("{n}", picked.size.toLocaleString(language));
    const total = [...picked.values()].reduce((sum, row) => sum + row[1], 0);
    return total ? `${words} · ${megabytes(total)}` : words;
  }

  function show() {
    for (const box of boxes) box.checked = picked.has(entry(box)[0]);
    bar.classList.toggle("on", picked.size > 0);
    for (const output of [find("output", bar), find("output", basket)]) output.textContent = sum();
    command();
    if (basket.open) list();
    if (viewer?.open) mark();
  }

  // The list and the command

  const field = find(".command");
  const radios = all("[name=way]", basket);
  const way = () => radios.find((radio) => radio.checked)?.value ?? "curl";

  function command() {
    field.value = picked.size ? ways[way()](photos(), root, html.dataset.bucket) : "";
  }

  function node(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  function list() {
    const rows = photos().map(({ path }) => {
      const [, size, name, image, page] = picked.get(path);
      const remove = node("button", { type: "button", className: "plain", value: path }, find("header svg", basket).cloneNode(true));
      remove.setAttribute("aria-label", find(".picked").dataset.remove.replace("{name}", () => name));
      return node(
        "li",
        {},
        node("img", { src: root + image, alt: "", loading: "lazy" }),
        node("p", {}, node("a", { href: root + page }, node("bdi", {}, name)), node("small", { dir: "auto" }, path.replace(/\/?[^/]*$/, ""))),
        node("span", {}, megabytes(size)),
        remove,
      );
    });
    find(".picked").replaceChildren(...rows);
  }

  find(".picked").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const next = all(".picked button").indexOf(button);
    picked.delete(button.value);
    write();
    (all(".picked button")[next] ?? find("#basket")).focus();
    if (!picked.size) basket.close();
  });

  for (const radio of radios) {
    radio.addEventListener("change", () => {
      command();
      try {
        localStorage.setItem("safelight:way", way());
      } catch {
        // It is curl again on the next page.
      }
    });
  }
  find("form", basket).addEventListener("submit", (event) => event.preventDefault());

  // Plain http and folders have no clipboard: there the old way.
  async function copy(text, button) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = node("textarea", { value: text, className: "unseen" });
      button.after(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      button.focus();
      if (!done) return;
    }
    button.dataset.label ??= button.textContent;
    button.textContent = button.dataset.done;
    setTimeout(() => (button.textContent = button.dataset.label), 1500);
  }

  // Ticking

  let last = null;
  for (const box of boxes) {
    box.addEventListener("click", (event) => {
      const range = event.shiftKey && last && last !== box ? [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b) : null;
      for (const each of range ? boxes.slice(range[0], range[1] + 1) : [box]) pick(each, box.checked);
      last = box;
      write();
    });
  }

  // All photos of the album, also those on its other pages.
  async function everything(button) {
    for (const box of boxes) pick(box, true);
    write();
    const trouble = find("#trouble") ?? node("span", { id: "trouble", role: "status" });
    button.after(trouble);
    trouble.textContent = "";
    try {
      for (const direction of ["prev", "next"]) {
        let page = document;
        let base = here;
        for (let link; (link = find(`.pager [rel=${direction}]`, page)); ) {
          base = new URL(link.getAttribute("href"), base).href;
          const answer = await fetch(base);
          if (!answer.ok) throw new Error(answer.statusText);
          page = new DOMParser().parseFromString(await answer.text(), "text/html");
          for (const box of all("input[name=photo]", page)) picked.set(...entry(box, base));
        }
      }
    } catch {
      trouble.textContent = button.dataset.part; // from a folder, no page can read another
    }
    write();
  }

  const acts = {
    all: everything,
    clear() {
      picked.clear();
      write();
      if (basket.open) basket.close();
    },
    list() {
      basket.showModal();
      list();
    },
    close: (button) => (button.closest("dialog") === viewer ? close() : basket.close()),
    copy: (button) => copy(field.value, button),
    tick: () => ticked().click(),
    back: () => step(-1),
    on: () => step(1),
  };
  addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-act], [data-copy]");
    if (!button) return;
    if (button.dataset.act) acts[button.dataset.act]?.(button);
    else copy(button.dataset.copy.replaceAll(button.dataset.href, () => new URL(button.dataset.href, here).href), button);
  });
  // A click on a dialog itself is one beside what it shows.
  basket.addEventListener("click", (event) => event.target === basket && basket.close());

  // The viewer

  const viewer = find(".viewer");
  const frames = all(".photos .frame");
  const strip = find(".strip");
  const turners = viewer && ["back", "on"].map((act) => find(`[data-act=${act}]`, viewer));
  const neighbours = ["prev", "next"].map((rel) => find(`.pager [rel=${rel}]`)?.href);
  let at = 0;
  let leaf; // the link to the photo's own page

  const item = (number = at) => frames[number].closest("li");
  const ticked = () => find("input", item());
  const reveal = (element) => element.scrollIntoView({ behavior: "instant", inline: "center", block: "nearest" });
  const wanted = () => /^#view-(.+)/.exec(location.hash)?.[1];
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  // What an earlier change, still under way, called the photo: two of a name would end both.
  const unshare = () => all(".shared").forEach((each) => each.classList.remove("shared"));

  // The photo moves from where it is to where it will be.
  function change(act, from, to) {
    unshare();
    if (!document.startViewTransition || still.matches) return act();
    from?.classList.add("shared");
    const moving = document.startViewTransition(() => {
      from?.classList.remove("shared");
      act();
      to?.classList.add("shared");
    });
    moving.ready.catch(() => {}); // it was skipped: nothing is lost
    moving.finished.finally(() => to?.classList.remove("shared"));
  }

  // The page's own small image first, as it is there already; the sharp one takes its place.
  async function load(number) {
    const mount = strip.children[number]?.firstChild;
    if (!mount || mount.lastChild?.src) return;
    const small = find("img", frames[number]);
    const image = mount.lastChild;
    const shape = small.getAttribute("width") / small.getAttribute("height");
    if (small.complete && small.currentSrc) {
      image.src = small.currentSrc;
      await image.decode().catch(() => {});
    }
    image.sizes = Math.ceil(Math.min(innerWidth, innerHeight * shape)) + "px";
    image.srcset = small.srcset || small.src;
  }

  function build() {
    const about = find(".leaf", viewer);
    leaf = node("a", { textContent: about.textContent });
    about.replaceChildren(leaf);
    strip.replaceChildren(
      ...frames.map((frame, number) => {
        const small = find("img", frame);
        const image = node("img", { alt: small.alt, draggable: false });
        const mount = node("div", { className: "mount" }, image);
        mount.style.maxInlineSize = small.getAttribute("width") + "px"; // never larger than it is
        const colours = find("svg", frame);
        if (colours) mount.prepend(colours.cloneNode(true));
        return node("div", { className: "slide " + item(number).className }, mount);
      }),
    );
  }

  function mark() {
    find(".tick", viewer).ariaPressed = ticked().checked;
  }

  // Everything about the photo at hand but where the strip stands.
  function settle(number) {
    strip.children[at]?.classList.remove("here");
    at = number;
    strip.children[at].classList.add("here");
    const figure = item();
    const name = find(".plate bdi", figure).textContent;
    find(".count", viewer).textContent = `${(at + 1).toLocaleString(language)} / ${frames.length.toLocaleString(language)}`;
    leaf.href = frames[at].href;
    const words = [".said", ".exif"].map((part) => find(part, figure)?.cloneNode(true)).filter(Boolean);
    find(".label", viewer).replaceChildren(node("h2", { dir: "auto" }, name), ...words);
    turners[0].disabled = at === 0 && !neighbours[0];
    turners[1].disabled = at === frames.length - 1 && !neighbours[1];
    mark();
    for (const each of [at, at + 1, at - 1]) load(each);
    try {
      history.replaceState(history.state, "", "#view-" + figure.id);
    } catch {
      // Some browsers count how often: the address is then a photo behind.
    }
  }

  function go(number) {
    if (number < 0 || number >= frames.length) {
      const page = neighbours[number < 0 ? 0 : 1];
      if (page) location.replace(page.split("#")[0] + (number < 0 ? "#view-last" : "#view-first"));
      return;
    }
    settle(number);
    reveal(strip.children[number]);
  }
  const step = (by) => go(at + by);

  function open(number, pushed) {
    if (!strip.firstChild) build();
    history.scrollRestoration = "manual";
    if (pushed) history.pushState({ viewer: true }, "", "#view-" + item(number).id);
    const enter = () => {
      viewer.showModal();
      go(number);
      strip.focus();
    };
    if (pushed) change(enter, frames[number]);
    else {
      unshare();
      enter();
    }
  }

  // The visitor is left at the photo that was looked at last.
  function leave() {
    viewer.close();
    frames[at].focus();
    reveal(item());
  }

  function close() {
    change(leave, null, frames[at]);
  }

  if (viewer && frames.length) {
    for (const [number, frame] of frames.entries()) {
      frame.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button) return;
        event.preventDefault();
        open(number, true);
      });
    }
    let resized = false;
    strip.addEventListener("scroll", () => {
      const number = Math.round(Math.abs(strip.scrollLeft) / strip.clientWidth);
      if (viewer.open && !resized && number !== at && frames[number]) settle(number);
    });
    // A turned phone keeps its photo.
    addEventListener("resize", () => {
      if (!viewer.open) return;
      resized = true;
      requestAnimationFrame(() => {
        reveal(strip.children[at]);
        resized = false;
      });
    });
    strip.addEventListener("click", (event) => !event.target.closest(".mount") && close());
    viewer.addEventListener("cancel", (event) => {
      event.preventDefault();
      close();
    });
    viewer.addEventListener("close", () => {
      if (wanted()) {
        // The step that opened it is taken back; a page that began with it stays where it is.
        if (history.state?.viewer) history.back();
        else history.replaceState(null, "", here);
      }
    });
    const follow = () => {
      const id = wanted();
      if (!id) {
        if (viewer.open) close();
        return;
      }
      const number = id === "first" ? 0 : id === "last" ? frames.length - 1 : frames.findIndex((_, n) => item(n).id === id);
      if (number < 0) return;
      if (viewer.open) go(number);
      else open(number);
    };
    addEventListener("popstate", follow);
    addEventListener("pagehide", () => (history.scrollRestoration = "auto"));
    follow();
  }

  // Keys

  const turn = (rel) => find(`.turn ${rel}`)?.click();
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || basket.open) return;
    const inViewer = viewer?.open;
    if ((!inViewer && !find(".turn")) || event.target.closest("button, textarea, input, a") && event.key === " ") return;
    const does = {
      ArrowLeft: () => (inViewer ? step(-1) : turn("[rel=prev]")),
      ArrowRight: () => (inViewer ? step(1) : turn("[rel=next]")),
      Home: inViewer && (() => go(0)),
      End: inViewer && (() => go(frames.length - 1)),
      Escape: !inViewer && (() => turn(".up")),
      " ": () => (inViewer ? ticked() : boxes[0]).click(),
    }[event.key];
    if (!does || event.target.type === "radio") return;
    event.preventDefault();
    does();
  });

  // A photo's own page is turned by a swipe, unless it has been zoomed into.
  let touched = null;
  const finger = (event) => event.changedTouches[0];
  addEventListener("touchstart", (event) => (touched = event.touches.length === 1 && event.target.closest(".stage") ? finger(event) : null), { passive: true });
  addEventListener("touchend", (event) => {
    if (!touched || (visualViewport?.scale ?? 1) > 1.01) return;
    const [across, down] = [finger(event).clientX - touched.clientX, finger(event).clientY - touched.clientY];
    if (Math.abs(across) > 50 && Math.abs(across) > 2 * Math.abs(down)) turn(across < 0 ? "[rel=next]" : "[rel=prev]");
  });

  // Beginning

  try {
    const chosen = localStorage.getItem("safelight:way");
    (radios.find((radio) => radio.value === chosen) ?? radios[0]).checked = true;
  } catch {
    radios[0].checked = true;
  }

  // A page that comes back from the history may come with its ticks; memory knows better.
  function begin() {
    if (!read() || !stored) for (const each of boxes) pick(each);
    // A photo that was replaced since has other renditions: what its page says is newer.
    for (const each of boxes) {
      const [path, row] = entry(each);
      if (picked.has(path)) picked.set(path, row);
    }
    show();
  }
  addEventListener("pageshow", begin);
  addEventListener("storage", (event) => event.key === KEY && read() && show());
})(globalThis);
