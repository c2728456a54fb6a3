"use strict";
(() => {
  const all = JSON.parse(document.getElementById("stories-data").textContent);
  const $ = (id) => document.getElementById(id);
  const scenarioBox = $("story-scenario"), policyBox = $("story-policy"), slider = $("story-window");
  const CHANCES = [0.001, 0.005, 0.01, 0.03, 0.1];
  const MARKS = { done: "done", mitigated: "mitigated", "rolled back": "rolled back", caught: "caught in the canary", "held up": "held up by a prerequisite" };
  const VOTES = { reject: "✗ rejects", abstain: "– abstains", accept: "✓ accepts", accept_pay_10: "✓ pays 10%", accept_pay_30: "✓ pays 30%", ask_10: "✓ asks 10%", ask_30: "✓ asks 30%" };
  let told = all.stories[0], world = all.worlds[told.scenario], window_ = 0;

  // Elements. Text goes in as text, never as HTML.
  const fill = (element, attributes, children) => {
    for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
    element.append(...children.filter((child) => child !== null));
    return element;
  };
  const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  const draw = (tag, attributes, ...children) => fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
  const write = (x, y, text, style, anchor) => draw("text", { x, y, class: style || "", "text-anchor": anchor || "start" }, text);
  const money = (value) => (Math.round(value * 10) / 10 + 0).toLocaleString("en", { minimumFractionDigits: 1 }).replace("-", "−");
  const percent = (p) => (p === 0 ? "0%" : p < 0.001 ? "<0.1%" : (100 * p).toFixed(p < 0.1 ? 1 : 0) + "%");
  const level = (p) => CHANCES.filter((limit) => p >= limit).length;
  const shorten = (text, most) => (text.length <= most ? text : text.slice(0, Math.ceil(most / 2) - 1) + "…" + text.slice(text.length - Math.floor(most / 2)));
  const agent = (n) => told.agents[n][0];
  const patch = (n) => told.patches[n];
  const patchName = (n) => world.services[patch(n).service].name + " / " + patch(n).component;
  const versions = (n) => [patch(n).version, patch(n).fixed_version].filter(Boolean).join(" → ");

  function picture(width, height, title, description, parts, top = 0) {
    const id = "drawn-" + title.replace(/\W+/g, "-").toLowerCase();
    return draw("svg", { viewBox: `0 ${top} ${width} ${height}`, width, height, role: "img", "aria-labelledby": `${id} ${id}-d` },
      draw("title", { id }, title), draw("desc", { id: id + "-d" }, description), ...parts);
  }

  function table(caption, heads, rows) {
    const numeric = heads.map((head) => head.startsWith("#"));
    const label = (head) => head.replace("#", "");
    return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
      el("table", {}, el("caption", {}, el("span", {}, caption)),
        el("thead", {}, el("tr", {}, ...heads.map((head, n) => el("th", { scope: "col", class: numeric[n] ? "n" : "tight" }, label(head))))),
        el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell, n) => {
          const [text, style] = Array.isArray(cell) ? cell : [cell, ""];
          return n ? el("td", { class: (numeric[n] ? "n " : "") + style }, text) : el("th", { scope: "row", class: numeric[n] ? "n" : "" }, text);
        }))))));
  }

  // Plans over time: a row for each service that was patched or struck.
  function plans(width) {
    const narrow = width < 560, left = narrow ? 104 : 168, days = told.windows * told.window_days;
    const right = Math.max(width, left + told.windows * 34) - 8, scale = (right - left) / days, bar = 17;
    const at = (day) => left + day * scale;
    const rows = new Map();
    const row = (service) => { if (!rows.has(service)) rows.set(service, { bars: [], hits: [] }); return rows.get(service); };
    told.story.forEach((week, n) => {
      for (const item of week.plan) row(patch(item.patch).service).bars.push(item);
      for (const service of week.hit) row(service).hits.push(n);
    });
    const parts = [], top = 30;
    let y = top;
    const placed = [...rows].map(([service, { bars, hits }]) => {
      const lanes = [];
      for (const item of bars.sort((a, b) => a.day - b.day)) {
        const start = at(item.day), end = start + Math.max((item.effort_hours / 8) * scale, 15);
        let lane = lanes.findIndex((until) => until <= start);
        if (lane < 0) lane = lanes.length;
        lanes[lane] = end + 2;
        Object.assign(item, { lane, start, end });
      }
      const place = { service, bars, hits, y, height: Math.max(lanes.length, 1) * (bar + 3) + 6 };
      y += place.height;
      return place;
    });
    const bottom = Math.max(y, top + 24);
    parts.push(draw("rect", { class: "here", x: at(window_ * told.window_days), y: 6, width: told.window_days * scale, height: bottom }));
    for (let n = 0; n <= told.windows; n++) {
      const x = at(n * told.window_days);
      parts.push(draw("line", { class: "grid", x1: x, x2: x, y1: 22, y2: bottom }));
      if (n < told.windows) parts.push(write(x + (told.window_days * scale) / 2, 18, String(n + 1), n === window_ ? "strong" : "small", "middle"));
    }
    parts.push(write(0, 18, "window", "small"));
    for (const { service, bars, hits, y: up, height } of placed) {
      const name = world.services[service].name;
      parts.push(draw("line", { class: "grid", x1: 0, x2: right, y1: up, y2: up }));
      parts.push(draw("g", {}, draw("title", {}, name), write(0, up + 18, shorten(name, narrow ? 15 : 25))));
      for (const item of bars) {
        const top_ = up + 4 + item.lane * (bar + 3), failed = item.outcome !== "done" && item.outcome !== "mitigated";
        const text = `${patchName(item.patch)} ${versions(item.patch)}: ${item.mode}, day ${item.day.toFixed(1)}, ${item.effort_hours.toFixed(1)} h, ${item.downtime_minutes.toFixed(0)} min down, ${MARKS[item.outcome]}`;
        const group = draw("g", { class: item.mode + (failed ? " failed" : "") }, draw("title", {}, text));
        if (item.mode === "mitigate") group.append(draw("rect", { class: "span", x: item.start, y: top_ + 6, width: Math.max(Math.min(at(item.day + told.mitigate_days), right) - item.start, 0), height: 6 }));
        group.append(draw("rect", { class: "bar", x: item.start, y: top_, width: item.end - item.start, height: bar, rx: 3 }));
        group.append(write(item.start + 7.5, top_ + 12.5, failed ? "×" : item.mode[0].toUpperCase(), "letter", "middle"));
        parts.push(group);
      }
      for (const n of hits) parts.push(cross(at((n + 1) * told.window_days) - 9, up + height / 2, 6, `${name} compromised in window ${n + 1}`));
    }
    parts.push(draw("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }));
    const planned = placed.reduce((sum, one) => sum + one.bars.length, 0);
    const what = `${planned} patches were planned on ${placed.length} services over ${told.windows} windows. The tables below tell each window's plan.`;
    return picture(right + 8, bottom + 6, "Plans over time", planned ? what : "Nothing was planned.", parts);
  }

  function cross(x, y, r, title) {
    const d = `M${x - r} ${y - r}L${x + r} ${y + r}M${x + r} ${y - r}L${x - r} ${y + r}`;
    return draw("g", {}, draw("title", {}, title), draw("path", { class: "halo", d }), draw("path", { class: "hit", d }));
  }

  // The service graph in the colours of the window's risk.
  function shape(kind, x, y, r, style) {
    const points = (list) => draw("polygon", { class: style, points: list.map(([a, b]) => `${(x + a * r).toFixed(1)},${(y + b * r).toFixed(1)}`).join(" ") });
    if (kind === "frontend") return points([[-.9, -.9], [.9, -.9], [.9, .9], [-.9, .9]]);
    if (kind === "gateway") return points([[0, -1.2], [1.2, 0], [0, 1.2], [-1.2, 0]]);
    if (kind === "store") return points([[-.5, -1], [.5, -1], [1.08, 0], [.5, 1], [-.5, 1], [-1.08, 0]]);
    if (kind === "queue") return points([[-.8, -1], [1.1, 0], [-.8, 1]]);
    if (kind === "external") return points([[0, -1.1], [1, .8], [-1, .8]]);
    return draw("circle", { class: style, cx: x, cy: y, r });
  }

  function map(week) {
    const [width, , diameter, roomy] = world.size, r = Math.max(diameter / 2, 3), parts = [];
    const planned = new Set(week.plan.map((item) => patch(item.patch).service)), struck = new Set(week.hit);
    const stretch = roomy ? spread(2.7 * r + 34) : 1, lift = (y) => y * stretch;
    for (const [source, target, ...via] of world.calls) {
      const from = world.services[source], to = world.services[target], points = [[from.x, lift(from.y)]];
      for (let n = 0; n < via.length; n += 2) points.push([via[n], lift(via[n + 1])]);
      points.push([to.x, lift(to.y)]);
      const d = points.map(([x, y], n) => {
        if (!n) return `M${x} ${y}`;
        const [before, up] = points[n - 1], half = x === before ? before + 40 : (before + x) / 2;
        return `C${half} ${up} ${half} ${y} ${x} ${y}`;
      }).join("");
      parts.push(draw("path", { class: roomy ? "edge" : "edge fine", d }));
    }
    world.services.forEach((service, n) => {
      const y = lift(service.y), chance = week.compromise[n], name = `${service.name} (${service.kind}, ${service.owner})`;
      const state = [service.exposed ? "exposed" : "", planned.has(n) ? "patch planned" : "", struck.has(n) ? "compromised" : ""].filter(Boolean);
      const group = draw("g", {}, draw("title", {}, [`${name}: ${percent(chance)}`, ...state].join(", ")));
      group.append(shape(service.kind, service.x, y, r, `node r${level(chance)}${service.exposed ? " exposed" : ""}`));
      if (planned.has(n)) group.append(draw("circle", { class: "ring", cx: service.x, cy: y, r: 1.3 * r }));
      if (struck.has(n)) group.append(cross(service.x, y, Math.max(0.8 * r, 5), "compromised"));
      parts.push(group);
    });
    if (roomy) world.services.forEach((service, n) => {
      const most = Math.max(8, Math.floor(width / new Set(world.services.map((s) => s.x)).size / 6.2));
      parts.push(write(service.x, lift(service.y) + 1.35 * r + 13, shorten(service.name, most), "name", "middle"));
      parts.push(write(service.x, lift(service.y) + 1.35 * r + 25, percent(week.compromise[n]), "name small", "middle"));
    });
    const heights = [...world.services.map((s) => s.y), ...world.calls.flatMap((call) => call.slice(2).filter((_, n) => n % 2))].map(lift);
    const top = Math.min(...heights) - 1.5 * r - 8, bottom = Math.max(...heights) + 1.5 * r + (roomy ? 34 : 8);
    const worst = riskiest(week, 3).map((n) => `${world.services[n].name} ${percent(week.compromise[n])}`).join(", ");
    const hits = struck.size ? ` Compromised: ${[...struck].map((n) => world.services[n].name).join(", ")}.` : "";
    return picture(width, bottom - top, `Service graph in window ${window_ + 1}`, `Likeliest to be compromised: ${worst}.${hits}`, parts, top);
  }

  // By how much to stretch the drawing, so that services one below the other stand this far apart.
  function spread(room) {
    const columns = new Map();
    for (const { x, y } of world.services) columns.set(x, [...(columns.get(x) || []), y]);
    const gaps = [...columns.values()].flatMap((ys) => ys.sort((a, b) => a - b).slice(1).map((y, n) => y - ys[n]));
    return Math.min(Math.max(room / Math.min(...gaps, room), 1), 2);
  }

  const riskiest = (week, most) => week.compromise.map((_, n) => n).sort((a, b) => week.entry_risk_keur[b] - week.entry_risk_keur[a] || week.compromise[b] - week.compromise[a]).slice(0, most);

  function key() {
    const swatch = (part) => draw("svg", { width: 16, height: 16, viewBox: "-8 -8 16 16", "aria-hidden": "true" }, part);
    const entry = (part, text) => el("li", {}, swatch(part), text);
    const chances = ["under 0.1%", "0.1%", "0.5%", "1%", "3%", "10% or more"].map((text, n) => entry(draw("rect", { class: `node r${n}`, x: -7, y: -7, width: 14, height: 14 }), text));
    const kinds = [...new Set(world.services.map((service) => service.kind))].map((kind) => entry(shape(kind, 0, 0, 6, "node r0"), kind));
    return [el("ul", { class: "key", "aria-label": "Chance of compromise in the window" }, el("li", {}, "Chance of compromise, from:"), ...chances),
      el("ul", { class: "key", "aria-label": "Signs" }, ...kinds, entry(draw("circle", { class: "node exposed r0", cx: 0, cy: 0, r: 6 }), "exposed"),
        entry(draw("circle", { class: "ring", cx: 0, cy: 0, r: 6 }), "patch planned"), entry(cross(0, 0, 5, "compromised"), "compromised"))];
  }

  // Tables of the window.
  function motions(week) {
    if (!week.motions.length) return el("p", {}, "Nobody nominated a patch in this window.");
    const voters = told.agents.map((_, n) => n).filter((n) => week.motions.some((motion) => motion.votes.some(([who]) => who === n)));
    const anyPaid = week.motions.some((motion) => motion.payments);
    const rows = week.motions.map((motion, n) => {
      const votes = new Map(motion.votes);
      const blocked = (motion.blocked_by || []).map(agent);
      const result = motion.passed ? ["passed", "good ample"] : ["failed" + (blocked.length ? ": rejected by " + blocked.join(", ") : ": too few accepted"), "bad ample"];
      const paid = (motion.payments || []).map(([from, to, keur]) => `${agent(from)} → ${agent(to)} ${money(keur)}`).join("; ");
      return [String(n + 1), agent(motion.proposer), [patchName(motion.patch), "ample"], motion.mode, money(motion.quote_keur), ...voters.map((who) => [votes.has(who) ? VOTES[votes.get(who)] : "no vote", "tight"]), result, ...(anyPaid ? [paid || "none"] : [])];
    });
    return table(`Motions of window ${window_ + 1}`, ["#No.", "Proposer", "Patch", "Mode", "#Quote, k€", ...voters.map(agent), "Result", ...(anyPaid ? ["Side payments, k€"] : [])], rows);
  }

  function plan(week) {
    if (!week.plan.length) return el("p", {}, "Nothing was planned in this window.");
    const style = (outcome) => (outcome === "done" ? "good" : outcome === "mitigated" ? "" : "bad");
    return table(`Plan of window ${window_ + 1}`, ["Patch", "Versions", "Mode", "#Day", "#Effort, h", "#Downtime, min", "Outcome"],
      week.plan.map((item) => [patchName(item.patch), versions(item.patch), item.mode, item.day.toFixed(1), item.effort_hours.toFixed(1), item.downtime_minutes.toFixed(0), [MARKS[item.outcome], style(item.outcome)]]));
  }

  function flows(week) {
    if (!week.money.length) return el("p", {}, "No money moved in this window.");
    const rows = [...week.money].sort((a, b) => b[3] - a[3]).map(([kind, from, to, keur]) => [kind.replace("_", " "), from, to, money(keur)]);
    return table(`Money that moved in window ${window_ + 1}`, ["Kind", "From", "To", "#k€"], rows);
  }

  function accounts(week) {
    const last = window_ === told.windows - 1;
    const heads = ["Agent", "#After the window, k€"].concat(last ? ["#After the tail, k€"] : []);
    return table(`Accounts after window ${window_ + 1}`, heads,
      told.agents.map(([name], n) => [name, money(week.accounts[n])].concat(last ? [money(told.accounts[n])] : [])));
  }

  function atRisk(week) {
    return table(`Services most at risk in window ${window_ + 1}`, ["Service", "#Chance of compromise", "#Loss entering here, k€ a window"],
      riskiest(week, 8).map((n) => [world.services[n].name, percent(week.compromise[n]), money(week.entry_risk_keur[n])]));
  }

  function sums() {
    const t = told.totals, whole = (value) => String(Math.round(value));
    return [["Welfare", money(t.welfare_keur) + " k€"], ["Damage", money(t.damage_keur) + " k€"], ["Spent on work", money(t.spend_keur) + " k€"],
      ["Lost to downtime", money(t.downtime_keur) + " k€"], ["Fines", money(t.fines_keur) + " k€"], ["Patches done", whole(t.patches_done)],
      ["Rolled back or caught", whole(t.patches_failed)], ["Motions passed", `${whole(t.motions_passed)} of ${whole(t.motions_proposed)}`],
      ["Services compromised", whole(t.incidents)]].map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));
  }

  // Putting it together.
  function showWindow() {
    const week = told.story[window_], first = Math.round(window_ * told.window_days * 10) / 10;
    const label = `Window ${window_ + 1} of ${told.windows}`;
    $("story-window-label").textContent = label;
    slider.setAttribute("aria-valuetext", `${label}, from day ${first}`);
    $("story-before").disabled = window_ === 0;
    $("story-after").disabled = window_ === told.windows - 1;
    const canvas = $("story-plans"), graph = $("story-graph");
    const kept = canvas.scrollLeft;
    canvas.replaceChildren(plans(canvas.clientWidth || 900));
    canvas.scrollLeft = kept;
    const drawn = map(week), room = graph.clientWidth || world.size[0];
    const wide = world.size[3] ? Math.min(Math.max(room, 620), 960) : Math.min(room, 960);
    drawn.setAttribute("width", wide);
    drawn.setAttribute("height", Math.round((wide * drawn.viewBox.baseVal.height) / world.size[0]));
    const at = graph.scrollLeft;
    graph.replaceChildren(drawn);
    graph.scrollLeft = at;
    const levers = week.levers.map(([who, name, keur]) => el("li", {}, `${agent(who)}: ${name.replace(/[:_]/g, " ")}` + (keur ? `, ${money(keur)} k€` : "")));
    const tail = window_ === told.windows - 1 && told.tail.windows ? ` The tail of ${told.tail.windows} windows adds ${told.tail.incidents} compromised services and ${money(told.tail.damage_keur)} k€ of damage.` : "";
    $("story-said").textContent = `${label} opens on day ${first}. As all see it, open findings cost ${money(week.risk_keur)} k€ in this window and ${money(week.risk_after_keur)} k€ in the next. ` +
      `${week.overdue} ${week.overdue === 1 ? "patch is" : "patches are"} overdue; revenue is ${week.season === 1 ? "as usual" : week.season + " times the usual"}. ${week.hit.length ? "Compromised: " + week.hit.map((n) => world.services[n].name).join(", ") + "." : "Nothing was compromised."}${tail}`;
    $("story-motions").replaceChildren(motions(week), levers.length ? el("ul", { "aria-label": "Levers pulled" }, ...levers) : el("p", {}, "Nobody pulled a lever."));
    $("story-plan").replaceChildren(plan(week));
    $("story-risks").replaceChildren(atRisk(week));
    $("story-money").replaceChildren(flows(week));
    $("story-accounts").replaceChildren(accounts(week));
  }

  function showStory() {
    told = all.stories.find((story) => story.scenario === scenarioBox.value && story.policy === policyBox.value);
    world = all.worlds[told.scenario];
    window_ = Math.min(window_, told.windows - 1);
    slider.max = told.windows;
    slider.value = window_ + 1;
    $("story-title").textContent = `${told.title}: ${told.policy}, world ${told.seed}`;
    $("story-sums").replaceChildren(...sums());
    $("story-key").replaceChildren(...key());
    for (const block of document.querySelectorAll("[data-story]")) block.hidden = all.stories[block.dataset.story] !== told;
    showWindow();
  }

  function showPolicies() {
    const before = policyBox.value;
    const names = all.stories.filter((story) => story.scenario === scenarioBox.value).map((story) => story.policy);
    policyBox.replaceChildren(...names.map((name) => el("option", { value: name }, name)));
    if (names.includes(before)) policyBox.value = before;
    showStory();
  }

  const move = (to) => { window_ = Math.min(Math.max(to, 0), told.windows - 1); slider.value = window_ + 1; showWindow(); };
  scenarioBox.replaceChildren(...[...new Set(all.stories.map((story) => story.scenario))].map((name) => el("option", { value: name }, name)));
  scenarioBox.addEventListener("change", () => { window_ = 0; showPolicies(); });
  policyBox.addEventListener("change", showStory);
  slider.addEventListener("input", () => move(slider.valueAsNumber - 1));
  $("story-before").addEventListener("click", () => move(window_ - 1));
  $("story-after").addEventListener("click", () => move(window_ + 1));
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; showWindow(); } });
  $("story").hidden = false;
  showPolicies();
})();
