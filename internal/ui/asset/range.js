// A stretch of time is chosen by dragging over a chart that says where its buckets are: the page is opened again with "from" and "until".
"use strict";
(() => {
  for (const svg of document.querySelectorAll("svg[data-start]")) {
    const [left, right, top, bottom, start, step, buckets] = ["left", "right", "top", "bottom", "start", "step", "buckets"].map((name) => +svg.dataset[name]);
    const mark = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    mark.setAttribute("class", "chosen");
    mark.setAttribute("y", top);
    mark.setAttribute("height", bottom - top);
    let first; // undefined while nothing is chosen
    const at = (e) => {
      const x = new DOMPoint(e.clientX, e.clientY).matrixTransform(svg.getScreenCTM().inverse()).x;
      return Math.min(Math.max(Math.floor(((x - left) / (right - left)) * buckets), 0), buckets - 1);
    };
    const draw = (last) => {
      const wide = (right - left) / buckets;
      mark.setAttribute("x", left + Math.min(first, last) * wide);
      mark.setAttribute("width", (Math.abs(last - first) + 1) * wide);
    };
    const end = () => {
      first = undefined;
      mark.remove();
    };
    svg.addEventListener("pointerdown", (e) => {
      if (e.button !== 0) return;
      first = at(e);
      draw(first);
      svg.append(mark);
      svg.setPointerCapture(e.pointerId);
    });
    svg.addEventListener("pointermove", (e) => first !== undefined && draw(at(e)));
    svg.addEventListener("pointercancel", end);
    document.addEventListener("keydown", (e) => e.key === "Escape" && end());
    svg.addEventListener("pointerup", (e) => {
      if (first === undefined) return;
      const last = at(e), url = new URL(location.href);
      url.searchParams.set("from", start + Math.min(first, last) * step);
      url.searchParams.set("until", start + (Math.max(first, last) + 1) * step);
      for (const name of ["range", "at"]) url.searchParams.delete(name);
      url.hash = "";
      end();
      location.assign(url);
    });
  }
})();
