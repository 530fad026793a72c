// What makes the pages quicker to use. Without it they are all there.
(() => {
  document.documentElement.classList.add("scripted");

  document.addEventListener("click", async (e) => {
    const copy = e.target.closest("[data-copy]");
    if (!copy) return;
    const text = copy.parentElement.querySelector("code");
    if (navigator.clipboard) await navigator.clipboard.writeText(text.textContent);
    else { // over plain HTTP from another machine browsers have none
      getSelection().selectAllChildren(text);
      document.execCommand("copy");
    }
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy"), 2000);
  });

  // Lists narrow while their reader types; headings with nothing below them go, too. Where there is no list, Enter leads to the one of all.
  const find = document.getElementById("find");
  const rows = [...document.querySelectorAll(find.dataset.narrows)];
  find.addEventListener("input", () => {
    const words = find.value.toLowerCase().split(/\s+/);
    rows.forEach((row) => (row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word))));
    document.querySelectorAll(".part").forEach((part) => (part.hidden = !part.querySelector("[data-operation]:not([hidden])")));
    document.getElementById("nothing").hidden = !find.value || rows.some((row) => !row.hidden);
  });

  document.addEventListener("keydown", (e) => {
    if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input")) return;
    e.preventDefault();
    find.focus();
  });

  // The contents are open beside the page, and closed where they would be above it.
  const narrow = matchMedia("(max-width: 860px)"), menu = document.querySelector(".menu");
  const fold = () => (menu.open = !narrow.matches);
  narrow.addEventListener("change", fold);
  fold();
})();
