// @ts-check
// Two runs side by side. A point of a trend leads here: to its run, beside the run before.

/** @returns {(() => void) | undefined} what shows the runs of the present state */
function comparison() {
  const { combinations } = reportData();
  if (combinations.length === 1 && combinations[0].runs.id.length === 1) return undefined;
  const left = runPicker("before", "with");
  const right = runPicker("run", "run");
  const swap = button("⇄", { "aria-label": "swap the two runs" }, () => {
    location.hash = changed({ with: idOf(right.chosen()), run: idOf(left.chosen()) });
  });
  const result = element("div", { class: "result", tabindex: "-1" });
  const details = element("details", { id: "compare", class: "compare" },
    element("summary", {}, element("h2", {}, "Compare two runs")),
    element("div", { class: "pickers" }, left.fields, swap, right.fields), result);
  document.getElementById("runs")?.after(element("section", {}, details));
  document.querySelector("nav.jump ul")?.append(
    element("li", {}, element("a", { href: "#compare" }, "Compare two runs")));
  const first = combinations.find((each) => each.runs.id.length > 1) ?? combinations[0];
  const show = () => {
    const run = findRun(state.get("run") ?? "") ?? newestRun(first);
    const other = findRun(state.get("with") ?? "") ?? runBefore(run);
    left.choose(other);
    right.choose(run);
    result.replaceChildren(...missingRuns(), ...sideBySide(other, run));
  };
  details.addEventListener("toggle", () => {
    if (details.open) show();
  });
  return () => {
    if (!state.has("run")) return;
    if (details.open) show();
    details.open = true; // the event `toggle` shows the runs
    details.scrollIntoView();
  };
}

/** What is said of runs in the address that the report does not have. */
function missingRuns() {
  const ids = ["run", "with"].map((key) => state.get(key)).filter((id) => id && !findRun(id));
  return ids.map((id) => element("p", {}, "This report does not have the run ",
    element("bdi", {}, id ?? ""), ". Another one is shown."));
}

/** Turn the times in the tables of runs into links that show the run beside the run before. */
function linkHistories() {
  const { combinations } = reportData();
  for (const row of all("table.history tr[data-run]")) {
    const combination = combinations[Number(row.dataset.combination)];
    const heading = row.querySelector("th");
    if (!combination || !heading) continue;
    const index = Number(row.dataset.run);
    heading.append(runLink({ combination, index }, ...heading.childNodes));
  }
}

/** @param {Run} run */
function openRun(run) {
  location.hash = changed({ run: idOf(run), with: "" });
}

/**
 * A link that shows a run beside the run before.
 * @param {Run} run
 * @param {(Node | string)[]} children
 */
function runLink(run, ...children) {
  const address = String(new URLSearchParams({ run: idOf(run) }));
  const link = element("a", { href: `#${address}`, title: "beside the run before" }, ...children);
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab needs no filters
    event.preventDefault();
    openRun(run);
  });
  return link;
}

/**
 * Two fields: one chooses a combination, the other one of its runs. The choice goes into the state.
 * @param {string} name
 * @param {string} key of the state
 */
function runPicker(name, key) {
  const go = () => {
    location.hash = changed({ [key]: idOf(chosen()) });
  };
  const combination = choice("combination", [], () => {
    const { length } = current().runs.id;
    fillRuns();
    run.select.value = String(length - 1);
    go();
  });
  const run = choice("run", [], go);
  const current = () => reportData().combinations[Number(combination.select.value)];
  const chosen = () => ({ combination: current(), index: Number(run.select.value) });
  const fillRuns = () => {
    const { runs } = current();
    const { commits } = reportData();
    /** @type {[string, string][]} */
    const choices = runs.started.map((started, index) => [String(index), [
      timeText(started), commits[at(runs.commit, index)].slice(0, 10),
      at(runs.verdict, index) === "failed" ? "failed" : "",
    ].filter(Boolean).join(" · ")]);
    run.select.replaceChildren(...options(choices.reverse()));
  };
  const fields = element("fieldset", {}, element("legend", {}, name), combination.field, run.field);
  /** @param {Run} shown */
  const choose = (shown) => {
    const { combinations } = reportData();
    if (!combination.select.options.length) {
      /** @type {[string, string][]} */
      const choices = combinations.map((each, place) => [String(place), nameOf(each)]);
      combination.select.append(...options(choices));
    }
    combination.select.value = String(combinations.indexOf(shown.combination));
    fillRuns();
    run.select.value = String(shown.index);
  };
  return { fields, chosen, choose };
}

/** @param {Combination} combination */
function nameOf({ model, target, engine, toolchain, optimize }) {
  return `${model} on ${target} · ${engine} · ${toolchain} ${optimize}`;
}

/**
 * @param {Combination} combination
 * @returns {Run}
 */
function newestRun(combination) {
  return { combination, index: combination.runs.id.length - 1 };
}

/**
 * @param {Run} run
 * @returns {Run}
 */
function runBefore({ combination, index }) {
  return { combination, index: Math.max(0, index - 1) };
}

/**
 * The numbers of two runs with their differences, and what changed in the second.
 * @param {Run} left
 * @param {Run} right
 * @returns {Node[]}
 */
function sideBySide(left, right) {
  const numbers = { ...left.combination.numbers, ...right.combination.numbers };
  const rows = Object.keys(numbers).map((name) => numberRow(name, left, right)).filter((row) => row !== null);
  const head = element("tr", {}, element("td"), runHeading(left), runHeading(right),
    element("th", { class: "r", scope: "col" }, "difference"));
  const causes = Object.values(right.combination.numbers).flatMap(({ title, changes }) =>
    changes.filter(({ run }) => run === right.index).map((change) => changeItem(title, change)));
  const table = element("table", { class: "small side" }, element("thead", {}, head),
    element("tbody", {}, ...rows));
  return causes.length ? [table, element("ul", { class: "causes" }, ...causes)] : [table];
}

/** @param {Run} run */
function runHeading(run) {
  const { combination: { runs, target, model, engine, anchor }, index } = run;
  const failed = at(runs.verdict, index) === "failed";
  const row = document.getElementById(at(runs.anchor, index) ?? `run-${idOf(run)}`);
  return element("th", { class: "r", scope: "col" },
    element("b", {}, element("a", { href: `#${row?.id || anchor}` }, timeText(runs.started[index])), " UTC"),
    element("small", {}, ...commitOf(run)),
    element("small", {}, `${model} on ${target} · ${engine}`),
    element("small", { class: failed ? "no" : "yes" }, failed ? "✗ failed" : "✓ passed"));
}

/**
 * @param {string} name
 * @param {Run} left
 * @param {Run} right
 */
function numberRow(name, left, right) {
  const [a, b] = [left, right].map((run) => numberIn(name, run));
  if (!a && !b) return null;
  const row = element("tr", {}, element("th", { scope: "row" }, (b ?? a)?.trend.title ?? name),
    valueCell(a), valueCell(b));
  const cell = element("td", { class: "r n" });
  if (a && b && a.unit === b.unit) {
    const difference = b.value - a.value;
    cell.append(difference ? `${difference > 0 ? "+" : ""}${quantity(difference, a.unit)}` : "0");
    // Only exact numbers are judged here: one measured run can differ from another by noise.
    const isExact = a.kind === "exact" && b.kind === "exact";
    const share = difference / Math.abs(a.value);
    const isBetter = (difference < 0) === (b.trend.better === "lower");
    const isJudged = isExact && b.trend.better && Math.abs(share) >= b.trend.small;
    const grade = isBetter ? "yes" : "no";
    if (difference) cell.append(element("small", isJudged ? { class: grade } : {}, percent(share)));
  }
  row.append(cell);
  return row;
}

/**
 * @param {string} name
 * @param {Run} run
 */
function numberIn(name, { combination, index }) {
  const trend = combination.numbers[name];
  const value = trend && at(trend.value, index);
  if (value === null || value === undefined) return undefined;
  return { trend, index, value, unit: at(trend.unit, index), kind: at(trend.kind, index) };
}

/** @param {ReturnType<typeof numberIn>} number */
function valueCell(number) {
  if (!number) return element("td", { class: "r n" }, "–");
  const { text, kind } = valueText(number.trend, number.index);
  return element("td", { class: "r n" }, text, element("small", { class: "kind" }, kind));
}

/**
 * @param {string} title of the number
 * @param {{text: string, causes: string[]}} change
 */
function changeItem(title, { text, causes }) {
  return element("li", {}, `${title} ${text}`,
    element("ul", {}, ...causes.map((cause) => element("li", {}, cause))));
}
