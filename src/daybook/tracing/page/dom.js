"use strict";
// Everything on the page is made of these: text goes in as text, and is never read as HTML.

const PREFIX = document.body.dataset.prefix;

/** An element: `h("a.name", {href: "/"}, "text", child)`. Attributes that are null or false are left out. */
function h(selector, attributes = {}, ...children) {
  const [tag, ...classes] = selector.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Milliseconds, with as many digits as tell something. */
function ms(value) {
  if (value >= 10000) return `${(value / 1000).toFixed(1)} s`;
  if (value >= 100) return `${Math.round(value)} ms`;
  return `${value.toFixed(value >= 10 ? 0 : value >= 1 ? 1 : 2)} ms`;
}

function plural(count, word) {
  return `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
}

function say(words) {
  document.getElementById("said").textContent = words;
}

function copyButton(label, text) {
  const button = h("button.small", {
    type: "button",
    onclick: async () => {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
      say("Copied");
      setTimeout(() => { button.textContent = label; }, 1200);
    },
  }, label);
  return button;
}

const KEYWORDS = new Set(
  ("select from where and or not in is null join left right full outer inner cross lateral on as order by group having limit " +
   "offset union all distinct insert into values update set delete returning with case when then else end exists any between " +
   "like ilike asc desc for share conflict do nothing using cast interval coalesce count sum min max over partition").split(" "));

/** SQL as spans: keywords, strings, parameters. Only for the eye; nothing is parsed. */
function highlight(sql) {
  const pieces = sql.split(/('(?:[^']|'')*'|"(?:[^"]|"")*"|\$\d+(?:::[A-Za-z_]+(?:\[\])?)?|\b[A-Za-z_]+\b)/);
  return pieces.map((piece) => {
    if (piece.startsWith("'")) return h("span.string", {}, piece);
    if (piece.startsWith("$")) return h("span.parameter", {}, piece);
    return KEYWORDS.has(piece.toLowerCase()) && piece === piece.toUpperCase() ? h("span.keyword", {}, piece) : piece;
  });
}

function statusClass(request) {
  if (request.outcome || request.status >= 500 || !request.status) return "bad";
  return request.status >= 400 ? "poor" : "good";
}

function badge(kind, label = kind) {
  const tone = { "n+1": "warn", "joined-cascade": "warn", duplicate: "mild", held: "mild", "over-budget": "mild" }[kind] ?? "bad";
  return h(`span.badge.${tone}`, {}, label);
}
