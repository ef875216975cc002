// @ts-check
// Elements of the page. Texts from Records are only ever set as text, never as HTML.

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} [attributes]
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/**
 * @param {string} text
 * @param {Record<string, string>} attributes
 * @param {() => void} action
 */
function button(text, attributes, action) {
  const made = element("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", action);
  return made;
}

/**
 * A field for one of `choices`, [value, text], with its label.
 * @param {string} label
 * @param {[string, string][]} choices
 * @param {(value: string) => void} action
 */
function choice(label, choices, action) {
  const select = element("select", { "aria-label": label }, ...options(choices));
  select.addEventListener("change", () => action(select.value));
  return { select, field: element("label", {}, element("span", {}, label), select) };
}

/** @param {[string, string][]} choices */
function options(choices) {
  return choices.map(([value, text]) => element("option", { value }, text));
}

/**
 * All elements that match, as HTML elements.
 * @param {string} selector
 * @param {ParentNode} [within]
 * @returns {HTMLElement[]}
 */
function all(selector, within = document) {
  return [...within.querySelectorAll(selector)].filter((each) => each instanceof HTMLElement);
}
