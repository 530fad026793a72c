// What the pages gain from a script. All of them work without: this only saves steps.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  const all = (selector, under = document) => [...under.querySelectorAll(selector)];

  // Whatever is put into the page later, by htmx or by the stream of events, gets the same care.
  function attend(under) {
    all("time", under).forEach(showTime);
    all("[data-tabs]", under).forEach(makeTabs);
    all("[data-keeps]", under).forEach(fill);
  }

  // What is written into a field with data-keeps="name" is there again until a link with data-forgets="name" is followed or the browser is closed.
  // A field that is fresh shows what it came with.
  function fill(field) {
    const kept = sessionStorage.getItem(field.dataset.keeps);
    if (kept !== null && !("fresh" in field.dataset)) field.value = kept;
  }

  // Times are sent in UTC and shown as the reader prefers; the exact instant is in the title.
  const relative = new Intl.RelativeTimeFormat(root.lang, { numeric: "auto" });
  function showTime(time) {
    const at = new Date(time.dateTime), way = root.dataset.time;
    if (isNaN(at)) return;
    if (way !== "utc") {
      time.title = at.toISOString();
      time.textContent = way === "relative" ? ago(at) : at.toLocaleString(root.lang, { dateStyle: "short", timeStyle: "medium" });
    }
  }
  document.addEventListener("herald:time", (e) => showTime(e.detail));
  function ago(at) {
    const seconds = (at - Date.now()) / 1000;
    for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
      if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
    }
    return relative.format(Math.round(seconds), "second");
  }
  if (root.dataset.time === "relative") setInterval(() => all("time").forEach(showTime), 10000);

  // Tabs: one section at a time, the one in the address first, or the first with a mistake in it.
  function makeTabs(tabs) {
    if (tabs.made) return;
    tabs.made = true;
    const links = all(":scope > nav a", tabs), sections = links.map((a) => document.getElementById(a.hash.slice(1)));
    links[0].parentElement.setAttribute("role", "tablist");
    const show = (at, focus) => {
      links.forEach((a, i) => {
        a.setAttribute("aria-selected", i === at);
        a.tabIndex = i === at ? 0 : -1;
        sections[i].hidden = i !== at;
      });
      if (focus) links[at].focus();
    };
    links.forEach((a, i) => {
      a.setAttribute("role", "tab");
      a.id = a.id || a.hash.slice(1) + "-tab";
      a.setAttribute("aria-controls", sections[i].id);
      sections[i].setAttribute("role", "tabpanel");
      sections[i].setAttribute("aria-labelledby", a.id);
      a.addEventListener("click", (e) => {
        e.preventDefault();
        history.replaceState(null, "", a.hash);
        show(i);
      });
      a.addEventListener("keydown", (e) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
        if (step) show((i + step + links.length) % links.length, true);
      });
    });
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const first = [sections.findIndex((s) => s.matches("[data-opened]")), sections.findIndex((s) => target && s.contains(target)), sections.findIndex((s) => s.querySelector(".error")), 0].find((i) => i >= 0);
    show(first);
    // A link to an input, from the summary of what is wrong, opens its tab.
    document.addEventListener("click", (e) => {
      const hash = e.target.closest && e.target.closest(".problem a")?.hash;
      const input = hash && document.getElementById(decodeURIComponent(hash.slice(1)));
      const at = input ? sections.findIndex((s) => s.contains(input)) : -1;
      if (at >= 0) {
        show(at);
        input.focus();
        e.preventDefault();
      }
    });
  }

  document.addEventListener("click", (e) => {
    const forgets = e.target.closest("[data-forgets]");
    if (forgets) sessionStorage.removeItem(forgets.dataset.forgets);
    const copy = e.target.closest("[data-copy]"), add = e.target.closest("[data-add-row]"), toggle = e.target.closest("[data-toggles]");
    if (copy) {
      navigator.clipboard.writeText(copy.dataset.copy || copy.parentElement.querySelector("code").textContent);
    }
    if (add) {
      const body = add.closest("section, form, fieldset").querySelector("[data-rows] tbody"), row = body.lastElementChild.cloneNode(true);
      all("input", row).forEach((input) => (input.type === "hidden" ? input.remove() : (input.value = "")));
      body.append(row);
      row.querySelector("input").focus();
    }
    if (toggle) { // switches all check boxes that match, or none when all are on
      const boxes = all(toggle.dataset.toggles).filter((box) => !box.disabled), on = boxes.some((box) => !box.checked);
      boxes.forEach((box) => (box.checked = on));
      if (boxes[0]) boxes[0].dispatchEvent(new Event("change", { bubbles: true }));
    }
  });

  // <button data-inserts="text"> writes into the field that was written in last, or else into the first one there is.
  let written;
  document.addEventListener("focusin", (e) => {
    if (e.target.matches("[data-tabs] textarea, [data-tabs] input[type=text]")) written = e.target;
  });
  document.addEventListener("click", (e) => {
    const text = e.target.closest("[data-inserts]")?.dataset.inserts;
    if (!text) return;
    const field = written?.checkVisibility() ? written : all("[data-tabs] textarea").find((f) => f.checkVisibility());
    if (!field) return;
    field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });

  document.addEventListener("change", (e) => {
    if (e.target.matches("[data-submits]")) e.target.form.requestSubmit();
  });

  // A list narrows while its reader types: <input data-narrows="#rows > tr">.
  document.addEventListener("input", (e) => {
    if (e.target.dataset?.keeps) sessionStorage.setItem(e.target.dataset.keeps, e.target.value);
    const selector = e.target.dataset?.narrows;
    if (!selector) return;
    const words = e.target.value.toLowerCase();
    all(selector).forEach((row) => (row.hidden = !row.textContent.toLowerCase().includes(words)));
  });

  // Keys, unless they are switched off, and never in inputs: / search, g and a letter for a page, j and k for a row, Enter to open it, ? for help.
  const places = { o: "/admin/", l: "/admin/log", w: "/admin/webhook", m: "/admin/messenger", b: "/admin/backlog", t: "/admin/tenant", u: "/admin/user" };
  let going = false;
  document.addEventListener("keydown", (e) => {
    if (root.dataset.keys === "off" || e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, textarea, [contenteditable], dialog")) return;
    if (going && places[e.key]) location.href = places[e.key];
    going = e.key === "g";
    if (e.key === "/") {
      document.getElementById("find")?.focus();
      e.preventDefault();
    }
    if (e.key === "?") document.getElementById("keys")?.showModal();
    if (e.key === "j" || e.key === "k") {
      const rows = all("main tbody tr"), at = rows.findIndex((r) => r.classList.contains("current"));
      const next = rows[Math.min(Math.max(at + (e.key === "j" ? 1 : -1), 0), rows.length - 1)];
      if (!next) return;
      rows[at]?.classList.remove("current");
      next.classList.add("current");
      next.scrollIntoView({ block: "nearest" });
    }
    if (e.key === "Enter" && e.target === document.body) document.querySelector("tr.current a")?.click();
  });

  // The menu is open beside the page, and closed where it would be above it. So are filters, which then say what they are set to.
  function folds(selector, width) {
    const narrow = matchMedia(`(max-width: ${width}px)`), fold = () => all(selector).forEach((d) => (d.open = !narrow.matches));
    narrow.addEventListener("change", fold);
    fold();
  }
  all(".fold").forEach((fold) => {
    const set = all("select, input:not([type=hidden])", fold).filter((field) => field.value).map((field) => (field.selectedOptions ? field.selectedOptions[0].text : field.value));
    if (set.length) fold.querySelector("summary").append(": " + set.join(" · "));
  });
  folds(".menu", 860);
  folds(".fold", 640);

  document.addEventListener("htmx:after:swap", () => attend(document));
  attend(document);
})();
