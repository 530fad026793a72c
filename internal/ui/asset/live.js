// What happens comes as rows of HTML over one stream. It is paused by its button, by the space bar, and while nobody sees the page.
"use strict";
(() => {
  const rows = document.querySelector("[data-live]"), state = document.querySelector("[data-live-state]");
  if (!rows) return;
  const rate = document.querySelector("[data-live-rate]"), button = document.querySelector("[data-live-pause]"), most = 500;
  let source, after, paused = false, counts = [], fallback;
  const say = (what) => (state.textContent = state.dataset[what]);

  function show(message) {
    after = message.lastEventId;
    const parsed = document.createElement("template");
    parsed.innerHTML = message.data;
    const body = parsed.content.querySelector("tbody"), facts = body.dataset;
    for (const row of [...body.children]) {
      const old = document.getElementById(row.id);
      row.querySelectorAll("time").forEach((time) => document.dispatchEvent(new CustomEvent("herald:time", { detail: time })));
      if (old) old.replaceWith(row);
      else rows.prepend(row);
    }
    while (rows.children.length > most) rows.lastElementChild.remove();
    const now = Date.now();
    counts = [...counts.filter((c) => now - c.at < 10000), { at: now, n: +facts.published }];
    const second = counts.reduce((sum, c) => sum + c.n, 0) / 10;
    rate.textContent = rate.dataset.text.replace("0", second.toLocaleString(document.documentElement.lang)) +
      (+facts.of > 1 ? " " + rate.dataset.sampled.replace("0", facts.of) : "") + (facts.gap === "true" ? " " + rate.dataset.gap : "");
  }
  function open() {
    close();
    const url = new URL(rows.dataset.live, location.href);
    if (after) url.searchParams.set("after", after);
    source = new EventSource(url);
    source.onopen = () => say("connected");
    source.onmessage = show;
    source.addEventListener("over", () => { close(); say("over"); });
    source.onerror = () => {
      if (source?.readyState !== EventSource.CLOSED) return say("reconnecting");
      close(); // the server does not want us: the page is refreshed instead
      say("over");
      fallback = setTimeout(refresh, 10000);
    };
  }
  // refresh asks for the page again, and tells that nobody did: so the session of somebody who is away ends.
  async function refresh() {
    const answer = await fetch(location.href, { headers: { "Herald-By-Itself": "true" } }).catch(() => undefined);
    if (answer?.redirected) return location.reload();
    const page = new DOMParser().parseFromString(answer?.ok ? await answer.text() : "", "text/html").querySelector("[data-live]");
    if (page) {
      rows.innerHTML = page.innerHTML;
      rows.querySelectorAll("time").forEach((time) => document.dispatchEvent(new CustomEvent("herald:time", { detail: time })));
    }
    fallback = setTimeout(refresh, 10000);
  }
  function close() {
    clearTimeout(fallback);
    source?.close();
    source = undefined;
  }
  function attend() {
    button.textContent = paused ? button.dataset.resume : button.dataset.halt;
    if (paused || document.hidden) {
      close();
      say("paused");
    } else open();
  }
  button.addEventListener("click", () => { paused = !paused; attend(); });
  document.addEventListener("keydown", (e) => {
    if (e.key !== " " || document.documentElement.dataset.keys === "off" || e.target.closest("input, select, textarea, button, a, summary, dialog")) return;
    e.preventDefault();
    button.click();
  });
  document.addEventListener("visibilitychange", attend);
  attend();
})();
