// Finds what people see on a page by what is written there. It is evaluated anew for every step and leaves nothing behind.
(part => {
  const tidy = s => (s || '').replace(/\s+/g, ' ').trim();
  const shown = e => e.getClientRects().length > 0 && e.checkVisibility({visibilityProperty: true, opacityProperty: true});
  const byIDs = ids => tidy(ids.split(/\s+/).map(id => document.getElementById(id)?.textContent).join(' '));
  const named = e => e.getAttribute('aria-labelledby') ? byIDs(e.getAttribute('aria-labelledby')) : tidy(e.getAttribute('aria-label'));
  const clickables = 'a[href], button, summary, input[type=submit], input[type=button], [role=button], [role=tab], [role=menuitem], [role=option], ' +
    'label:has(input[type=checkbox]), label:has(input[type=radio]), label[for]';
  const fields = 'input:not([type=hidden]), select, textarea, [contenteditable=true]';
  const texts = {
    [clickables]: e => [named(e), tidy(e.innerText), tidy(e.value)],
    [fields]: e => [named(e), ...[...(e.labels || [])].map(l => tidy(l.innerText)), tidy(e.placeholder)],
  };
  const labels = (kind, e) => texts[kind](e).filter(Boolean);

  const isSelector = text => /^[#.[]/.test(text) || ['main', 'header', 'nav', 'footer', 'dialog'].includes(text);
  // within is the part of the page to look at: the innermost row, section or the like that has the text.
  const within = () => {
    if (!part) return document.body;
    const kind = 'tr, li, section, fieldset, article, aside, dialog, form, details, nav, header, main, [role=dialog], [role=group]';
    const all = [...document.querySelectorAll(isSelector(part) ? part : kind)].filter(shown)
      .filter(e => isSelector(part) || named(e) === part || tidy(e.innerText).includes(part));
    const found = all.filter(e => !all.some(o => o !== e && e.contains(o)));
    if (found.length !== 1) throw `${found.length} parts of the page say "${part}"`;
    return found[0];
  };
  const text = () => tidy(within()?.innerText);

  // only is the one visible element with the text, as a whole or else as its beginning.
  const only = (kind, text) => {
    const all = [...within().querySelectorAll(kind)].filter(shown);
    let found = all.filter(e => labels(kind, e).includes(text));
    if (!found.length) found = all.filter(e => labels(kind, e).some(l => l.startsWith(text)));
    if (found.length > 1) found = found.filter(e => !found.some(o => o !== e && e.contains(o))); // a button in a label
    if (found.length > 1) found = found.filter(e => e.tagName !== 'LABEL').length == 1 ? found.filter(e => e.tagName !== 'LABEL') : found;
    if (found.length === 1) return found[0];
    if (found.length) throw `${found.length} elements say "${text}"`;
    throw `nothing says "${text}", only: ${[...new Set(all.map(e => labels(kind, e)[0]).filter(Boolean))].slice(0, 40).join(' | ')}`;
  };
  const element = text => {
    if (!/^[#.[]/.test(text)) return only(clickables, text);
    const found = [...within().querySelectorAll(text)].filter(shown);
    if (found.length !== 1) throw `${found.length} visible elements match ${text}`;
    return found[0];
  };
  const tell = (e, ...events) => events.forEach(name => e.dispatchEvent(new Event(name, {bubbles: true})));
  const path = e => {
    const parts = [];
    for (; e && e !== document.body && parts.length < 4; e = e.parentElement) {
      parts.unshift(e.id ? '#' + e.id : e.localName + [...e.classList].map(c => '.' + c).join(''));
      if (e.id) break;
    }
    return parts.join(' > ');
  };

  return {
    // where is the point to click at.
    where(text) {
      const e = element(text);
      if (e.disabled) throw `"${text}" is disabled`;
      e.scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'});
      const box = e.getClientRects()[0];
      const x = box.left + box.width / 2, y = box.top + box.height / 2;
      const hit = document.elementFromPoint(x, y);
      if (!hit || !e.contains(hit) && !hit.contains(e)) throw `"${text}" is covered by ${hit ? path(hit) : 'nothing that is in view'}`;
      return {x, y};
    },
    // box is where what matches a selector is, once it is in view.
    box(selector) {
      const found = [...within().querySelectorAll(selector)].filter(shown);
      if (found.length !== 1) throw `${found.length} visible elements match ${selector}`;
      found[0].scrollIntoView({block: 'center', behavior: 'instant'});
      const {x, y, width, height} = found[0].getBoundingClientRect();
      return {x, y, width, height};
    },
    // focus makes the field ready to be typed over, and tells whether its text is set, for the kinds that take no keys.
    focus(label, value) {
      const e = only(fields, label);
      if (e.disabled || e.readOnly) throw `the field "${label}" cannot be changed`;
      e.scrollIntoView({block: 'center', behavior: 'instant'});
      e.focus();
      if (/^(date|time|datetime-local|month|week|color|range)$/.test(e.type)) {
        e.value = value;
        tell(e, 'input', 'change');
        return true;
      }
      if (e.select) e.select(); else document.getSelection().selectAllChildren(e);
      if (!value && e.select) { e.value = ''; tell(e, 'input', 'change'); return true; }
      return false;
    },
    value(label) {
      const e = only(fields, label);
      return e.type === 'checkbox' ? String(e.checked) : e.tagName === 'SELECT' ? tidy(e.selectedOptions[0]?.text) : e.value ?? e.innerText;
    },
    choose(label, option) {
      const group = [...within().querySelectorAll('fieldset, [role=radiogroup]')]
        .find(e => shown(e) && [named(e), tidy(e.querySelector('legend')?.innerText)].includes(label));
      const radio = group && [...group.querySelectorAll('input[type=radio]')].find(e => labels(fields, e).some(l => l === option || l.startsWith(option)));
      if (radio) { radio.click(); return true; }
      const e = only(fields, label);
      if (e.tagName !== 'SELECT') throw `"${label}" is nothing to choose from`;
      const found = [...e.options].filter(o => tidy(o.text) === option);
      if (found.length !== 1) throw `"${label}" has ${found.length} options "${option}", of: ${[...e.options].map(o => tidy(o.text)).slice(0, 40).join(' | ')}`;
      e.focus();
      e.value = found[0].value;
      tell(e, 'input', 'change');
      return true;
    },
    see(want) {
      if (!text().includes(want)) throw `the page does not say "${want}", but: ${text().slice(0, 2000)}`;
      return true;
    },
    notSee(unwanted) {
      if (text().includes(unwanted)) throw `the page says "${unwanted}"`;
      return true;
    },
    at(want) {
      if (location.pathname + location.search !== want) throw `the address is ${location.pathname + location.search}, not ${want}`;
      return true;
    },
    // overflow lists what is wider than the page, the innermost ones first; nothing if the page cannot be scrolled sideways.
    overflow(width) {
      const root = document.scrollingElement;
      if (root.scrollWidth <= width) return [];
      const out = [...document.body.querySelectorAll('*')].filter(e => shown(e) && e.getBoundingClientRect().right > width + 0.5);
      const inner = out.filter(e => !out.some(o => o !== e && e.contains(o)));
      return [`${root.scrollWidth} px`, ...inner.slice(0, 5).map(e => `${path(e)} ends at ${Math.round(e.getBoundingClientRect().right)} px: ${tidy(e.textContent).slice(0, 60)}`)];
    },
    // widest has every time take the most room that it can, so that what fits does so at any hour of any day.
    widest() {
      for (const time of document.querySelectorAll('time')) {
        const walk = document.createTreeWalker(time, NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) walk.currentNode.data = walk.currentNode.data.replace(/(?<!\d)\d(?!\d)/g, '88').replace(/\d/g, '8');
      }
      return true;
    },
    async axe(runOnly) {
      const found = await axe.run(document, {runOnly, resultTypes: ['violations'], preload: false, iframes: false});
      return found.violations.flatMap(v => v.nodes.map(n =>
        `${v.id}: ${n.target.join(' ')}: ${tidy(n.failureSummary || v.help)} in ${tidy(n.html).slice(0, 200)}`));
    },
    // settled is over when what an event has begun has been done and drawn.
    settled: () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 0, true)))),
    axeThere: () => typeof axe === 'object',
  };
})
