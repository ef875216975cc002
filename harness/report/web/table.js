// @ts-check
// Sorts and filters the table of newest runs. A filter also hides the combinations further below.

const FILTERS = ["target", "model", "engine", "toolchain", "branch", "verdict", "change"];
/** What else the page has of a combination. */
const SAME = "details.run[data-combination], .target tr[data-combination]";
const VERDICTS = ["failed", "ran", "passed"];

/** @returns {(() => void) | undefined} what shows the present state */
function liveTable() {
  const table = document.querySelector("#runs table.runs");
  const rows = table instanceof HTMLTableElement ? all("tbody tr[data-combination]", table) : [];
  if (!(table instanceof HTMLTableElement) || rows.length < 2) return undefined;
  const columns = all("thead th[data-is]", table).filter(({ dataset }) => dataset.is !== "trend");
  const controls = filterControls(rows, columns);
  table.before(controls.bar);
  columns.forEach(addSortButton);
  for (const row of rows) {
    // The small trend leads to the large one.
    row.querySelector("td.trend")?.addEventListener("click", ({ target }) => {
      if (target instanceof Element && !target.closest("a")) row.querySelector("a")?.click();
    });
  }
  const order = tableOrder(table, rows);
  return () => {
    const shown = showMatching(rows);
    order(state.get("sort") ?? "", state.has("down"));
    for (const column of columns) {
      const isSorted = column.dataset.is === state.get("sort");
      const direction = state.has("down") ? "descending" : "ascending";
      if (isSorted) column.setAttribute("aria-sort", direction);
      else column.removeAttribute("aria-sort");
    }
    controls.update(`${shown} of ${rows.length}`);
  };
}

/**
 * @param {HTMLElement[]} rows
 * @param {HTMLElement[]} columns
 */
function filterControls(rows, columns) {
  const search = element("input", { type: "search", placeholder: "name", "aria-label": "search" });
  search.addEventListener("input", () => change({ q: search.value.trim() }));
  const choices = FILTERS.map((key) => filterChoice(key, rows)).filter((each) => each !== undefined);
  /** @type {[string, string][]} */
  const orders = columns.flatMap(({ dataset: { is = "" } }) => [[is, `${is} ▲`], [`${is}\n`, `${is} ▼`]]);
  const order = choice("sort by", [["", "model"], ...orders], (value) =>
    change({ sort: value.trim(), down: value.endsWith("\n") ? "1" : "" }));
  order.field.className = "order";
  const count = element("output", { "aria-live": "polite" });
  const clear = button("show all", {}, () =>
    change(Object.fromEntries(["q", "sort", "down", ...FILTERS].map((key) => [key, ""]))));
  const fields = [element("label", {}, element("span", {}, "find"), search)];
  fields.push(...choices.map(({ field }) => field), order.field);
  const bar = element("form", { class: "filters", role: "search" }, ...fields, count, clear);
  bar.addEventListener("submit", (event) => event.preventDefault());
  /** @param {string} text */
  const update = (text) => {
    if (document.activeElement !== search) search.value = state.get("q") ?? "";
    for (const { key, select } of choices) select.value = state.get(key) ?? "";
    order.select.value = (state.get("sort") ?? "") + (state.has("down") ? "\n" : "");
    count.textContent = text;
    clear.hidden = !["q", "sort", ...FILTERS].some((key) => state.has(key));
  };
  return { bar, update };
}

/**
 * A choice between the values of one key; undefined if there is nothing to choose.
 * @param {string} key
 * @param {HTMLElement[]} rows
 */
function filterChoice(key, rows) {
  const values = new Set(rows.map((row) => row.dataset[key] ?? ""));
  if (values.size < 2) return undefined;
  const named = [...values].filter(Boolean).sort();
  const made = choice(key, [["", "all"], ...named.map(twice)], (value) => change({ [key]: value }));
  return { key, ...made };
}

/**
 * @param {string} text
 * @returns {[string, string]}
 */
function twice(text) {
  return [text, text];
}

/**
 * Hide what the filters leave out; returns the number of rows that are left.
 * @param {HTMLElement[]} rows
 */
function showMatching(rows) {
  const words = (state.get("q") ?? "").toLowerCase().split(/\s+/);
  const wanted = FILTERS.filter((key) => state.has(key));
  let shown = 0;
  for (const row of rows) {
    const text = FILTERS.map((key) => row.dataset[key]).join(" ").toLowerCase();
    row.hidden = !words.every((word) => text.includes(word)) ||
      wanted.some((key) => row.dataset[key] !== state.get(key));
    shown += Number(!row.hidden);
  }
  const hidden = new Set(rows.filter((row) => row.hidden).map((row) => row.dataset.combination));
  for (const other of all(SAME)) other.hidden = hidden.has(other.dataset.combination);
  for (const section of all(".model, .target")) {
    section.hidden = all(SAME, section).every((other) => other.hidden);
  }
  return shown;
}

/** @param {HTMLElement} column */
function addSortButton(column) {
  const is = column.dataset.is ?? "";
  const sort = button("", { class: "sort" }, () => {
    // Ascending, descending, and the order of the page again.
    const [isSorted, isDown] = [state.get("sort") === is, state.has("down")];
    change({ sort: isSorted && isDown ? "" : is, down: isSorted && !isDown ? "1" : "" });
  });
  sort.append(...column.childNodes);
  column.append(sort);
}

/**
 * Return what orders the rows. In an order other than the page's, they are not grouped by model.
 * @param {HTMLTableElement} table
 * @param {HTMLElement[]} rows
 * @returns {(column: string, isDown: boolean) => void}
 */
function tableOrder(table, rows) {
  const groups = [...table.tBodies];
  const groupOf = new Map(rows.map((row) => [row, row.parentElement]));
  const sorted = element("tbody");
  for (const row of rows) {
    row.querySelector("th")?.append(element("small", { class: "of" }, row.dataset.model ?? ""));
  }
  return (column, isDown) => {
    table.classList.toggle("sorted", Boolean(column));
    if (column) {
      const keys = new Map(rows.map((row) => [row, sortKey(row, column)]));
      sorted.replaceChildren(...[...rows].sort((a, b) => compareKeys(keys.get(a), keys.get(b), isDown)));
      table.append(sorted);
    } else {
      for (const row of rows) groupOf.get(row)?.append(row);
      sorted.remove();
    }
    for (const group of groups) {
      group.hidden = Boolean(column) || !group.querySelector("tr[data-combination]:not([hidden])");
    }
  };
}

/**
 * A row without the value has no key.
 * @param {HTMLElement} row
 * @param {string} column
 * @returns {number | string | undefined}
 */
function sortKey(row, column) {
  if (column === "verdict") return VERDICTS.indexOf(row.dataset.verdict ?? "");
  if (column in row.dataset) return row.dataset[column];
  const cell = all("td[data-is]", row).find((each) => each.dataset.is === column);
  return cell?.dataset.value ? Number(cell.dataset.value) : undefined;
}

/**
 * @param {number | string | undefined} a
 * @param {number | string | undefined} b
 * @param {boolean} isDown
 */
function compareKeys(a, b, isDown) {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  return isDown ? -order : order;
}
