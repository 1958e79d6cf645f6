// Finds, folds and unfolds what is in the page. Nothing is loaded, kept or sent.
"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const filters = at("filters");
  const steps = Array.from(document.querySelectorAll(".group > .step"), (step) => ({
    step,
    action: step.querySelector(":scope > summary .badge").textContent,
    names: null,
    text: null,
    link: document.querySelector(`nav a[href="#${step.id}"]`),
  }));

  // What an object is called: its head, and of several the list of them.
  const names = (each) => {
    if (each.names === null) {
      const parts = each.step.querySelectorAll(":scope > summary, .names, .strong");
      each.names = Array.from(parts, (part) => part.textContent).join("\n").toLowerCase();
      if (each.step.querySelector(".names") === null) {
        const rest = each.step.querySelectorAll(":scope > .body > .step > summary, :scope > .body > pre");
        const several = each.step.querySelector(":scope > summary .strong").textContent.indexOf(".") < 0;
        if (several) each.names += Array.from(rest, (part) => part.textContent).join("\n").toLowerCase();
      }
    }
    return each.names;
  };
  const text = (each) => {
    if (each.text === null) each.text = each.step.textContent.toLowerCase();
    return each.text;
  };

  const look = () => {
    const address = at("address").value.trim().toLowerCase();
    const words = at("words").value.trim().toLowerCase();
    const boxes = Array.from(filters.querySelectorAll("input[name=action]"));
    const off = new Set(boxes.filter((box) => !box.checked).map((box) => box.value));
    let found = 0;
    for (const each of steps) {
      const shown =
        !off.has(each.action) &&
        (!address || names(each).includes(address)) &&
        (!words || text(each).includes(words));
      each.step.hidden = !shown;
      if (each.link) each.link.parentElement.hidden = !shown;
      if (shown) found += 1;
    }
    for (const group of document.querySelectorAll(".group")) {
      group.hidden = group.querySelector(":scope > .step:not([hidden])") === null;
    }
    at("found").textContent = found === steps.length ? "" : `${found} of ${steps.length} shown`;
  };

  const fold = (open) => {
    for (const each of steps) if (!each.step.hidden) each.step.open = open;
  };

  // A link into what is folded unfolds it.
  const follow = () => {
    for (let part = at(location.hash.slice(1)); part; part = part.parentElement) {
      if (part.tagName === "DETAILS") part.open = true;
    }
  };

  if (filters) {
    filters.hidden = false;
    filters.addEventListener("input", look);
    at("open").addEventListener("click", () => fold(true));
    at("close").addEventListener("click", () => fold(false));
    if (filters.querySelector("input:not(:checked)[name=action]") || at("address").value || at("words").value) look();
  }
  addEventListener("hashchange", follow);
  follow();
})();
