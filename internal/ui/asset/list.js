// A list of events goes on while the page is open. A stream says that something has happened, and the page is asked for its rows: so the list's filter holds, and rows that
// are there change in place. New rows are put in only where nobody reads: while the list is at its top and nobody points at it or is in it. Otherwise a button waits.
"use strict";
(() => {
  const news = document.querySelector("[data-news]"), body = document.querySelector("tr[data-key]")?.parentElement;
  if (!news || !body) return;
  const part = (name) => news.querySelector(`[data-news-${name}]`);
  const state = part("live"), pause = part("pause"), button = part("show"), status = part("status");
  const few = body.rows.length < 50 && !document.querySelector("form.filter"), size = Math.max(body.rows.length, few ? 10 : 50), most = few ? size : 500;
  const seldom = 2000, fallback = 10000;
  const known = new Map(); // what the server wrote, by key: rows that are shown have other texts for times
  let source, after, timer, asked = 0, waiting = [], cut = false, told = 0, telling;
  const off = () => localStorage.getItem("herald-live") === "off";
  const say = (what) => (state.textContent = state.dataset[what]);
  const text = (n, more) => button.dataset[n === 1 && !more ? "one" : "other"].replace(/\d+/, n + (more ? "+" : ""));

  // tell announces totals, and not each row by itself.
  function tell(n) {
    told += n;
    telling ??= setTimeout(() => {
      status.textContent = text(told, cut);
      telling = undefined;
      told = 0;
    }, 3000);
  }
  const isRead = () => {
    const top = body.parentElement.getBoundingClientRect().top;
    return top < 0 || top > innerHeight || body.matches(":hover") || body.contains(document.activeElement) || !getSelection().isCollapsed || body.querySelector(".current");
  };
  function offer() {
    button.hidden = !waiting.length;
    if (waiting.length) button.textContent = text(waiting.length, cut);
  }
  function show() {
    if (cut) return location.reload(); // more has happened than a page has
    body.prepend(...waiting);
    waiting = [];
    offer();
    while (few && body.rows.length > most) body.lastElementChild.remove();
  }
  function take(rows) {
    let fresh = [];
    for (const row of rows) {
      const key = row.dataset.key, old = [...body.rows, ...waiting].find((r) => r.dataset.key === key), wrote = row.innerHTML;
      if (old && known.get(key) === wrote) continue;
      known.set(key, wrote);
      row.querySelectorAll("time").forEach((time) => document.dispatchEvent(new CustomEvent("herald:time", { detail: time })));
      if (!old) fresh.push(row);
      else if (!old.contains(document.activeElement)) old.replaceChildren(...row.childNodes);
    }
    if (!fresh.length) return;
    cut ||= fresh.length === rows.length && rows.length >= size || body.rows.length + waiting.length + fresh.length > most && !few;
    waiting = [...fresh, ...waiting];
    tell(fresh.length);
    if (isRead() || cut) offer();
    else show();
  }
  async function ask() {
    timer = undefined;
    asked = Date.now();
    const answer = await fetch(location.href, { headers: { "Herald-By-Itself": "true" } }).catch(() => undefined);
    if (!answer?.ok || answer.redirected) return;
    take([...new DOMParser().parseFromString(await answer.text(), "text/html").querySelectorAll("tr[data-key]")]);
  }
  const soon = (wait = seldom) => (timer ??= setTimeout(ask, Math.max(0, asked + wait - Date.now())));

  function close() {
    source?.close();
    source = undefined;
  }
  function open() {
    close();
    const url = new URL(news.dataset.news, location.href);
    if (after) url.searchParams.set("after", after);
    source = new EventSource(url);
    source.onopen = () => say("connected");
    source.onmessage = (message) => {
      after = message.lastEventId;
      if (message.data.includes("<tr")) soon();
    };
    source.addEventListener("over", () => { close(); say("over"); });
    source.onerror = () => {
      if (source?.readyState !== EventSource.CLOSED) return say("reconnecting");
      close(); // the server does not want us: the page is asked now and then
      say("over");
      setTimeout(function again() { if (!source && !off() && !document.hidden) { soon(0); setTimeout(again, fallback); } }, fallback);
    };
  }
  function attend() {
    pause.textContent = off() ? pause.dataset.resume : pause.dataset.halt;
    if (off() || document.hidden) {
      close();
      say("paused");
    } else open();
  }
  button.addEventListener("click", () => {
    show();
    news.scrollIntoView({ block: "start" });
    body.querySelector("a")?.focus({ preventScroll: true });
  });
  pause.addEventListener("click", () => {
    localStorage.setItem("herald-live", off() ? "on" : "off");
    attend();
  });
  document.addEventListener("visibilitychange", attend);
  attend();
})();
