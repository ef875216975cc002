// @ts-check
// Makes the page alive. Without this script it shows the same numbers.

const showTable = liveTable();
/** @type {(() => void) | undefined} */
let showComparison;

/**
 * Change what is sorted or filtered.
 * @param {Record<string, string>} changes
 */
function change(changes) {
  setState(changes);
  showTable?.();
}

/** Show what the address says: a state, or an element. */
function follow() {
  const id = readState();
  const target = document.getElementById(id);
  showTable?.();
  if (target) reveal(target);
  else if (id) showLinkedRun(id);
  else showComparison?.();
}

/**
 * Show an element that is filtered out or folded.
 * @param {HTMLElement} target
 */
function reveal(target) {
  if (target.closest("[hidden]")) change(Object.fromEntries(["q", ...FILTERS].map((key) => [key, ""])));
  for (let each = target.closest("details"); each; each = each.parentElement?.closest("details") ?? null) {
    each.open = true;
  }
  target.scrollIntoView();
}

/**
 * A run without a row in the page is shown in the comparison.
 * @param {string} id
 */
function showLinkedRun(id) {
  const run = findAnchor(id);
  if (run) location.replace(`#${changed({ run: idOf(run), with: "" })}`);
}

/** Make alive what needs the numbers of all runs. */
async function start() {
  if (await readData()) {
    showComparison = comparison();
    liveTrends();
    linkHistories();
  }
  addEventListener("hashchange", follow);
  follow();
}

document.documentElement.classList.add("script");
readState();
showTable?.();
start();
