// @ts-check
// What is sorted, filtered and compared, kept in the address: `#model=digits&sort=flash`. A link
// keeps it. An address without `=` is the id of an element; the state stays as it was.

let state = new URLSearchParams();

/** Read the state from the address; returns the id of an element if the address has one. */
function readState() {
  const hash = location.hash.slice(1);
  if (hash && !hash.includes("=")) return decode(hash);
  state = new URLSearchParams(hash);
  return "";
}

/**
 * Change the state, but do not add to the browser's history.
 * @param {Record<string, string>} changes
 */
function setState(changes) {
  const next = changed(changes);
  history.replaceState(null, "", next ? `#${next}` : location.pathname + location.search);
  readState();
}

/**
 * The address of a changed state; an empty text removes a key.
 * @param {Record<string, string>} changes
 */
function changed(changes) {
  const next = new URLSearchParams(state);
  for (const [key, value] of Object.entries(changes)) {
    if (value) next.set(key, value);
    else next.delete(key);
  }
  return String(next);
}

/** @param {string} hash */
function decode(hash) {
  try {
    return decodeURIComponent(hash);
  } catch {
    return hash; // not well-formed: no element has it
  }
}
