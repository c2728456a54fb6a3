// What a reader with a keyboard, a screen reader or weak eyes needs of a page; returns the faults as texts.
(() => {
  const faults = [];
  const name = (element) => element.outerHTML.slice(0, 120);
  const shown = (element) => element.checkVisibility();
  const all = (selector) => [...document.querySelectorAll(selector)].filter(shown);

  if (document.documentElement.lang !== "en") faults.push("the page has no language");
  if (!document.title) faults.push("the page has no title");
  if (document.querySelectorAll("main").length !== 1) faults.push("the page has not one main part");
  if (document.querySelectorAll("h1").length !== 1) faults.push("the page has not one first heading");

  let level = 0;
  for (const heading of all("h1, h2, h3, h4, h5, h6")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) faults.push(`heading skips a level: ${name(heading)}`);
    if (!heading.textContent.trim()) faults.push(`heading is empty: ${name(heading)}`);
    level = next;
  }

  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) faults.push(`id ${id} is there twice`);
  for (const link of document.querySelectorAll('a[href^="#"]'))
    if (!document.getElementById(link.hash.slice(1))) faults.push(`link leads nowhere: ${name(link)}`);
  for (const element of document.querySelectorAll("[aria-labelledby]"))
    for (const id of element.getAttribute("aria-labelledby").split(" "))
      if (!document.getElementById(id)?.textContent.trim()) faults.push(`label ${id} is missing: ${name(element)}`);

  for (const control of all("input, select, textarea, button")) {
    const label = control.getAttribute("aria-label") || [...(control.labels || [])].map((one) => one.textContent).join("") || (control.matches("button") ? control.textContent : "");
    if (!label.trim()) faults.push(`control has no label: ${name(control)}`);
    if (control.tabIndex < 0) faults.push(`control is out of the keyboard's reach: ${name(control)}`);
    const box = control.getBoundingClientRect();
    if (box.height < 24 || box.width < 24) faults.push(`control is too small to hit: ${name(control)}`);
  }
  for (const drawn of document.querySelectorAll('svg:not([aria-hidden="true"])')) {
    if (drawn.getAttribute("role") !== "img") faults.push(`drawing is no image to a screen reader: ${name(drawn)}`);
    for (const part of ["title", "desc"])
      if (!drawn.querySelector(`:scope > ${part}`)?.textContent.trim()) faults.push(`drawing has no ${part}: ${name(drawn)}`);
  }
  for (const table of document.querySelectorAll("table")) {
    if (!table.caption?.textContent.trim()) faults.push(`table has no caption: ${name(table)}`);
    for (const head of table.querySelectorAll("th")) if (!["col", "row"].includes(head.scope)) faults.push(`head has no scope: ${name(head)}`);
    for (const row of table.tBodies[0].rows) if (!row.querySelector("th")) faults.push(`row has no head: ${name(row)}`);
  }
  for (const box of all("*")) {
    if (!["auto", "scroll"].includes(getComputedStyle(box).overflowX) || box.scrollWidth <= box.clientWidth || box.matches("select, html, body")) continue;
    if (box.tabIndex < 0) faults.push(`scrolls out of the keyboard's reach: ${name(box)}`);
  }

  // Contrast of text with what is behind it, as WCAG 2 reckons it.
  const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number); return { r, g, b, a }; };
  const channel = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const light = ({ r, g, b }) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.a === 1) return colour;
    }
    return { r: 255, g: 255, b: 255 };
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || seen.has(element) || !shown(element) || element.closest("script, style, title, desc")) continue;
    seen.add(element);
    const drawn = element.closest("svg") !== null, style = getComputedStyle(element);
    let back = behind(element.closest("svg") ?? element);
    const bar = element.closest("g")?.querySelector(":scope > .bar");
    if (drawn && bar && element.matches(".letter")) back = parse(getComputedStyle(bar).fill);
    const front = parse(drawn ? style.fill : style.color);
    const [high, low] = [light(front), light(back)].sort((a, b) => b - a);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5 && !element.matches(":disabled")) faults.push(`contrast ${contrast.toFixed(2)}: ${name(element)}`);
  }
  return faults;
})()
