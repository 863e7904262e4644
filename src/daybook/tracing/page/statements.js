"use strict";
// The statements of a request, repeated ones folded, each with its SQL and, when asked for, its plan.

function planNode(node, whole) {
  const cost = node["Actual Total Time"] ?? node["Total Cost"];
  const share = whole > 0 ? Math.min(1, cost / whole) : 0;
  const target = node["Relation Name"] ?? node["CTE Name"] ?? node["Function Name"];
  const numbers = node["Actual Rows"] !== undefined
    ? `${ms(node["Actual Total Time"])}, ${plural(node["Actual Rows"], "row")}` +
      (node["Actual Loops"] > 1 ? ` x ${node["Actual Loops"]}` : "") + `, ${node["Plan Rows"]} expected`
    : `cost ${node["Total Cost"]}, ${plural(node["Plan Rows"], "row")}`;
  const condition = node["Index Cond"] ?? node["Hash Cond"] ?? node["Join Filter"] ?? node["Filter"];
  return h("li", {},
    h("div.node", {},
      h("b", { class: node["Node Type"] === "Seq Scan" ? "seq" : null }, node["Node Type"]),
      target && ` on ${target}`, node["Index Name"] && ` by ${node["Index Name"]}`,
      h("span.quiet", {}, `  ${numbers}`),
      h("i.share", { style: { width: `${share * 100}%` } })),
    condition && h("code.quiet", {}, condition),
    node.Plans && h("ul", {}, node.Plans.map((child) => planNode(child, whole))));
}

async function explain(trace, statement, analyze, into) {
  into.replaceChildren(h("p.quiet", {}, "Asking PostgreSQL …"));
  const query = analyze ? "?analyze" : "";
  const answer = await fetch(`${PREFIX}/${trace.id}/${statement.number}/explain${query}`, { method: "POST" });
  const plan = await answer.json();
  if (!answer.ok) {
    into.replaceChildren(h("p.failed", { role: "alert" }, plan.detail));
    return;
  }
  const root = plan.tree.Plan;
  const whole = root["Actual Total Time"] ?? root["Total Cost"];
  into.replaceChildren(
    h("h4", {}, analyze ? "Plan, as it ran (and was rolled back)" : "Generic plan: for any parameters; nothing was run"),
    h("ul.plan", {}, planNode(root, whole)),
    h("details", {}, h("summary", {}, "As text"), h("pre", {}, plan.text)));
  say("The plan is there");
}

function statementBody(trace, statement) {
  const plan = h("div.answer");
  const facts = [
    ["where", statement.site ?? "no application line on the stack"],
    ["why", statement.why],
    ["objects", Object.entries(statement.objects).map(([name, count]) => `${name} ${count}`).join(", ") || null],
    ["ORM", statement.orm && `${ms(statement.orm.ms)} compiling and hydrating`],
    ["compiled", statement.cached === null ? null : statement.cached ? "from the cache" : "anew: not in the cache of compiled statements"],
    ["parameters", statement.parameters && (statement.parameters.join(", ") || "none")],
    ["silenced", statement.silenced],
    ["error", statement.error],
  ].filter((fact) => fact[1]);
  return h("div.body", {},
    h("dl", {}, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    h("pre.code", { tabindex: "0", "aria-label": "SQL" }, highlight(statement.sql)),
    h("div.actions", {},
      copyButton("Copy SQL", statement.sql),
      h("button.small", { type: "button", onclick: () => explain(trace, statement, false, plan) }, "Explain"),
      statement.parameters && h("button.small", {
        type: "button", title: "Runs it again in a read-only transaction that is rolled back",
        onclick: () => explain(trace, statement, true, plan) }, "Explain analyze")),
    plan);
}

function statementRow(trace, statement, longest) {
  const details = h("details.statement", { id: `s${statement.number}` });
  details.append(h("summary", {},
    h("span.number", {}, statement.number),
    h("span.name", {}, statement.name,
      statement.why?.startsWith("lazy") && badge("n+1", "lazy"),
      statement.error && badge("error", statement.error),
      statement.afterResponse && badge("held", "after the response")),
    h("span.site", {}, statement.site ?? ""),
    h("span.amount", {}, `${statement.rows} x ${statement.columns}`),
    h("span.duration", {}, h("i", { style: { width: `${(statement.ms / longest) * 100}%` } }), h("span", {}, ms(statement.ms)))));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(statementBody(trace, statement));
  });
  return details;
}

function statements(trace) {
  const longest = Math.max(...trace.statements.map((statement) => statement.ms), 0.01);
  const rows = [];
  const folds = new Map();
  for (const statement of trace.statements) {
    const row = statementRow(trace, statement, longest);
    const fold = folds.get(statement.group);
    if (fold) {
      fold.rows.push(row);
      fold.time += statement.ms;
    } else {
      folds.set(statement.group, { first: statement, rows: [row], time: statement.ms });
    }
  }
  for (const fold of folds.values()) {
    rows.push(fold.rows[0]);
    if (fold.rows.length > 1) {
      rows.push(h("details.fold", {},
        h("summary", {}, `${fold.rows.length - 1} more of ${fold.first.number}. ${fold.first.name}, ${ms(fold.time)} together`),
        fold.rows.slice(1)));
    }
  }
  const hidden = trace.count - trace.statements.length;
  return h("section.card.flush", {},
    h("h3", {}, "Statements", h("span.quiet", {}, ` rows x columns, time in the driver`)),
    rows.length ? rows : h("p.quiet.empty", {}, "This request ran no SQL."),
    hidden > 0 && h("p.quiet.empty", {}, `${plural(hidden, "more statement")} counted, and not kept one by one.`));
}

/** Open a statement's details, and the fold that it may be in. */
function openStatement(number) {
  const row = document.getElementById(`s${number}`);
  if (!row) return;
  const fold = row.closest(".fold");
  if (fold) fold.open = true;
  row.open = true;
  row.scrollIntoView({ block: "center" });
  row.querySelector("summary").focus({ preventScroll: true });
}
