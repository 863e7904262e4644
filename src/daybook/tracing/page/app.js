"use strict";
// The list of requests, live; and beside it the routes, or one request.

const list = document.getElementById("requests");
const main = document.getElementById("main");
const filter = document.getElementById("filter");
const liveButton = document.getElementById("live");
const state = { overview: null, version: null, shown: null, live: true };

function selectedId() {
  const path = location.pathname;
  return path.startsWith(`${PREFIX}/`) ? decodeURIComponent(path.slice(PREFIX.length + 1)) : null;
}

function go(path) {
  history.pushState(null, "", path);
  show();
}

function link(selector, path, attributes, ...children) {
  return h(selector, {
    href: path, ...attributes,
    onclick: (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      go(path);
    },
  }, ...children);
}

function requestRow(request) {
  return h("li", { "data-id": request.id },
    link("a.request", `${PREFIX}/${request.id}`, { "data-key": request.id },
      h("span.line", {},
        h("span.method", {}, request.method),
        h("span.route", { title: request.path }, request.route),
        h(`span.status.${statusClass(request)}`, {}, request.outcome ?? request.status ?? "–")),
      h("span.line.quiet", {},
        h("span", {}, new Date(request.at * 1000).toLocaleTimeString("en-GB")),
        h("span", {}, ms(request.ms.total)),
        h("span", {}, `${request.count} SQL`),
        h("span.badges", {}, request.findingKinds.map((kind) => badge(kind))))));
}

function words(request) {
  return [request.method, request.route, request.path, request.status, request.outcome, request.id, ...request.findingKinds]
    .join(" ").toLowerCase();
}

/** Rows stay where they are, so that whoever is on one with the keyboard stays on it. */
function drawList() {
  const wanted = filter.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const known = new Map([...list.children].map((row) => [row.dataset.id, row]));
  const rows = state.overview.requests.map((request) => {
    const row = known.get(request.id) ?? requestRow(request);
    const text = words(request);
    row.hidden = !wanted.every((word) => text.includes(word));
    known.delete(request.id);
    return row;
  });
  known.forEach((row) => row.remove());
  rows.forEach((row, index) => { if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null); });
  const none = document.getElementById("none");
  none.hidden = rows.some((row) => !row.hidden);
  none.textContent = rows.length ? "No request matches." : "No request yet. Use your client; they appear here as they end.";
  mark();
}

function mark() {
  const id = selectedId();
  list.querySelectorAll("a").forEach((one) => {
    if (one.dataset.key === id) one.setAttribute("aria-current", "true");
    else one.removeAttribute("aria-current");
  });
}

function findingCard(finding, open) {
  return h(`article.finding${finding.error ? ".bad" : ""}${finding.silenced ? ".silenced" : ""}`, {},
    h("header", {}, badge(finding.kind), finding.silenced && h("span.quiet", {}, `silenced: ${finding.silenced}`),
      finding.requests && h("span.quiet", {}, `in ${plural(finding.requests, "request")}`)),
    h("p", {}, finding.message),
    finding.site && h("p.site", {}, finding.site),
    h("p.fix", {}, h("span", {}, "fix"), h("code", {}, finding.fix), copyButton("Copy", finding.fix)),
    finding.lastId && link("a.more", `${PREFIX}/${finding.lastId}`, {}, "the last request with it"),
    finding.statement && open && h("button.link", { type: "button", onclick: () => open(finding.statement) },
      `statement ${finding.statement}`));
}

function drawRoutes() {
  const { routes, unusedSilences } = state.overview;
  const focused = document.activeElement?.dataset?.key;
  const worst = Math.max(...routes.map((route) => route.p95), 1);
  main.replaceChildren(
    h("h2", {}, "Routes"),
    routes.length
      ? h("div.scroll", {}, h("table.card", {},
        h("thead", {}, h("tr", {}, ["route", "requests", "p95", "most SQL", "findings"].map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, routes.map((route) => h("tr", {},
          h("th", { scope: "row" }, link("a", `${PREFIX}/${route.lastId}`, { "data-key": `${route.method} ${route.route}` },
            h("span.method", {}, route.method), h("span.route", {}, route.route))),
          h("td.amount", {}, route.requests, route.errors > 0 && h("span.bad", {}, ` ${plural(route.errors, "error")}`)),
          h("td.p95", {}, h("i", { style: { width: `${(route.p95 / worst) * 100}%` } }), h("span", {}, ms(route.p95))),
          h("td.amount", {}, route.mostStatements),
          h("td", {}, route.findings.length ? route.findings.map((one) => badge(one.kind)) : h("span.quiet", {}, "none")))))))
      : h("p.quiet", {}, "What a request does with the database will be told here."),
    ...[routes.flatMap((route) => route.findings)].filter((found) => found.length).map((found) =>
      h("section", {}, h("h2", {}, "Findings"), h("div.findings", {}, found.map((one) => findingCard(one))))),
    unusedSilences.length > 0 && h("section.card", {}, h("h3", {}, "Silences that had nothing to keep quiet"),
      h("ul", {}, unusedSilences.map((one) => h("li", {}, one.reason, " ", h("span.site", {}, one.site ?? ""))))) || "");
  if (focused) main.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function figure(name, value, hint, tone = "") {
  return h(`div.figure${tone}`, { title: hint }, h("b", {}, value), h("span", {}, name));
}

function drawTrace(trace) {
  const told = trace.findings.filter((finding) => !finding.silenced);
  const silenced = trace.findings.filter((finding) => finding.silenced);
  main.replaceChildren(
    h("p.crumbs", {}, link("a", PREFIX, {}, "Routes"), " / ", trace.id),
    h("h2.title", {}, h("span.method", {}, trace.method), h("span", {}, trace.route),
      h(`span.status.${statusClass(trace)}`, {}, trace.outcome ?? trace.status ?? "–")),
    h("p.quiet", {}, [trace.path !== trace.route && trace.path, trace.endpoint, new Date(trace.at * 1000).toLocaleString("en-GB")]
      .filter(Boolean).join("  ·  ")),
    h("div.figures", {},
      figure("in all", ms(trace.ms.total), "From the request's arrival to its end"),
      figure(plural(trace.count, "statement"), ms(trace.ms.db), `The driver's time, all statements added up; ${ms(trace.ms.dbWall)} by the clock`, ".sql"),
      figure("ORM", ms(trace.ms.orm), "Compiling statements and hydrating rows", ".orm"),
      figure("pool", ms(trace.ms.pool), "Waiting for a connection", ".pool"),
      figure("held", ms(trace.ms.held), "Connections held, all added up", ".held"),
      figure("loop blocked", ms(trace.ms.blocked), "The event loop could run nothing else", ".blocked"),
      figure(trace.budget === null ? "rows" : `rows, ${trace.count} of ${trace.budget} statements`, trace.rows.toLocaleString("en"), "Rows that came back")),
    split(trace),
    told.length > 0 && h("div.findings", {}, told.map((finding) => findingCard(finding, openStatement))) || "",
    timeline(trace, openStatement),
    statements(trace),
    silenced.length > 0 && h("details", {}, h("summary", {}, `${plural(silenced.length, "finding")} silenced`),
      h("div.findings", {}, silenced.map((finding) => findingCard(finding, openStatement)))) || "");
}

async function show() {
  const id = selectedId();
  mark();
  if (id === null) {
    state.shown = null;
    document.title = "SQL traces";
    if (state.overview) drawRoutes();
    return;
  }
  if (state.shown === id) return;
  state.shown = id;
  const answer = await fetch(`${PREFIX}/${encodeURIComponent(id)}.json`);
  if (state.shown !== id) return;
  if (!answer.ok) {
    main.replaceChildren(h("p.quiet.empty", {}, (await answer.json()).detail));
    return;
  }
  const trace = await answer.json();
  document.title = `${trace.method} ${trace.route} – SQL traces`;
  drawTrace(trace);
  main.scrollTo(0, 0);
}

async function refresh() {
  if (!state.live || document.hidden) return;
  try {
    const overview = await (await fetch(`${PREFIX}.json`)).json();
    liveButton.classList.remove("lost");
    if (overview.version === state.version && overview.pid === state.overview?.pid) return;
    state.overview = overview;
    state.version = overview.version;
    document.getElementById("process").textContent = `process ${overview.pid}`;
    drawList();
    if (selectedId() === null) drawRoutes();
  } catch {
    liveButton.classList.add("lost");
  }
}

liveButton.addEventListener("click", () => {
  state.live = !state.live;
  liveButton.setAttribute("aria-pressed", String(state.live));
  refresh();
});
document.getElementById("clear").addEventListener("click", async () => {
  await fetch(PREFIX, { method: "DELETE" });
  go(PREFIX);
  refresh();
});
filter.addEventListener("input", drawList);
document.querySelector("h1 a").addEventListener("click", (event) => { event.preventDefault(); go(PREFIX); });
addEventListener("popstate", show);
addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLInputElement;
  if (event.key === "/" && !typing) {
    event.preventDefault();
    filter.focus();
  } else if (event.key === "Escape" && typing) {
    filter.value = "";
    drawList();
    filter.blur();
  } else if (["ArrowDown", "ArrowUp"].includes(event.key) && (list.contains(event.target) || event.target === filter)) {
    event.preventDefault();
    const rows = [...list.querySelectorAll("li:not([hidden]) a")];
    const next = rows[rows.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1)];
    if (next) next.focus();
  }
});
document.addEventListener("visibilitychange", refresh);
refresh().then(show);
setInterval(refresh, 1000);
