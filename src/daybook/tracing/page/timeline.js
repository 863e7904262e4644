"use strict";
// A request as lanes over one axis: what came back when, each connection, the event loop.

function niceStep(span) {
  const rough = span / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough);
}

function timeline(trace, open) {
  const total = Math.max(trace.ms.total, 0.1);
  const left = (time) => `${(Math.max(0, time) / total) * 100}%`;
  const width = (start, end) => `max(2px, ${(Math.max(0, (end ?? total) - start) / total) * 100}%)`;
  const block = (kind, start, end, title) =>
    h(`i.${kind}`, { title, style: { left: left(start), width: width(start, end) } });

  const step = niceStep(total);
  const ticks = [];
  for (let time = 0; time <= total * 0.93; time += step) {
    ticks.push(h("i.tick", { style: { left: left(time) } }, h("span", {}, `${+time.toFixed(3)} ms`)));
  }

  const bars = [];
  const bar = (statement) => {
    const words = `${statement.number}. ${statement.name}, ${ms(statement.ms)}, ${plural(statement.rows, "row")}`;
    const button = h(`button.sql${statement.error ? ".failed" : ""}${statement.afterResponse ? ".late" : ""}`, {
      type: "button", tabindex: bars.length ? "-1" : "0", "aria-label": words, title: `${words}\n${statement.site ?? ""}`,
      style: { left: left(statement.start), width: width(statement.start, statement.end) },
      onclick: () => open(statement.number),
    });
    bars.push(button);
    return button;
  };
  const lane = (label, hint, ...blocks) =>
    h("div.lane", {}, h("span.label", { title: hint }, label), h("div.track", {}, blocks));

  const lanes = [lane("request", "From its arrival to its end",
    block("running", 0, trace.responseStarted ?? total, "until the response began"),
    trace.responseStarted !== null && block("sending", trace.responseStarted, trace.responseEnded ?? total, "the response was sent"),
    trace.responseEnded !== null && total - trace.responseEnded > total / 200
      && block("after", trace.responseEnded, total, "after the response"))];
  const without = trace.statements.filter((statement) => statement.lane === null);
  for (let number = 0; number < trace.connections; number += 1) {
    const own = trace.statements.filter((statement) => statement.lane === number);
    lanes.push(lane(`connection ${number + 1}`, "Held, the ORM's work, SQL",
      trace.holds.filter((hold) => hold.lane === number).map((hold) =>
        block("held", hold.start, hold.end, `held ${ms((hold.end ?? total) - hold.start)}, ${ms(hold.sql)} of it in SQL\n${hold.site ?? ""}`)),
      own.filter((statement) => statement.orm).map((statement) =>
        block("orm", statement.orm.start, statement.orm.end, `ORM: ${ms(statement.orm.ms)} compiling and hydrating`)),
      own.map(bar),
      trace.marks.filter((mark) => mark.lane === number).map((mark) =>
        h(`i.mark.${mark.what.toLowerCase()}`, { title: mark.what, style: { left: left(mark.at) } }))));
  }
  if (without.length) lanes.push(lane("driver", "Statements on a connection of unknown lane", without.map(bar)));
  lanes.push(lane("event loop", "When something kept the loop from running anything else",
    trace.blocked.map((one) => block("blocked", one.start, one.end, `blocked for ${ms(one.end - one.start)}`))));

  const chart = h("div.timeline", {
    role: "group", "aria-label": "Timeline; left and right arrows go from statement to statement",
    onkeydown: (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
      if (step === undefined || !bars.length) return;
      event.preventDefault();
      const here = bars.indexOf(document.activeElement);
      const next = bars[Math.min(bars.length - 1, Math.max(0, here + step))];
      bars.forEach((one) => one.setAttribute("tabindex", one === next ? "0" : "-1"));
      next.focus();
    },
  }, h("div.axis", {}, ticks), lanes);
  const legend = [["sql", "SQL"], ["orm", "ORM: compile, hydrate"], ["held", "connection held"], ["blocked", "loop blocked"],
    ["mark.commit", "commit"], ["mark.rollback", "rollback"], ["after", "after the response"]];
  return h("section.card.flush", {}, h("h3", {}, "Timeline"), chart,
    h("p.legend", {}, legend.map(([kind, words]) => h("span", {}, h(`i.${kind}`), words))));
}

/** Where the time went, as one bar. */
function split(trace) {
  const { total, dbWall, pool, orm } = trace.ms;
  const other = Math.max(0, total - dbWall - pool - orm);
  const parts = [["sql", "SQL", dbWall], ["pool", "pool", pool], ["orm", "ORM", orm], ["other", "everything else", other]];
  const sum = parts.reduce((all, part) => all + part[2], 0) || 1;
  return h("div.split", { role: "img", "aria-label": parts.map((part) => `${part[1]} ${ms(part[2])}`).join(", ") },
    parts.filter((part) => part[2] > 0).map(([kind, words, value]) =>
      h(`i.${kind}`, { title: `${words}: ${ms(value)}`, style: { width: `${(value / sum) * 100}%` } })));
}
