// Small helpers to make elements. Text always goes in as text: nothing from the server is read as HTML.

/** @typedef {Node | string | number | false | null | undefined} Child */

/**
 * Makes an element: `on…` adds a listener, `class` and names with a dash are attributes, anything
 * else is a property.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [settings]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, settings = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(settings)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'class' || name === 'role' || name.includes('-')) setAttribute(element, name, value);
    else Reflect.set(element, name, value);
  }
  append(element, children);
  return element;
}

/**
 * Sets an attribute, or removes it for `null`, `undefined` and `false`.
 * @param {Element} element
 * @param {string} name
 * @param {string | number | boolean | null | undefined} value
 */
export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, String(value));
}

/**
 * Puts `children` in place of what `element` holds.
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

/**
 * Changes the text only where it differs, so that screen readers and selections are left in peace.
 * @param {Node} node
 * @param {string} text
 */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Calls `render` only when what `pick` takes from the view is another value than last time.
 * @template View, Value
 * @param {(view: View) => Value} pick
 * @param {(value: Value, view: View) => void} render
 * @returns {(view: View) => void}
 */
export function whenChanged(pick, render) {
  /** @type {unknown} */
  let last = whenChanged;
  return (view) => {
    const value = pick(view);
    if (Object.is(value, last)) return;
    last = value;
    render(value, view);
  };
}

/**
 * Calls `action` every `milliseconds` until `signal` aborts.
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 * @param {() => void} action
 */
export function every(milliseconds, signal, action) {
  const timer = setInterval(action, milliseconds);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

/**
 * @param {Element} element
 * @param {Child[]} children
 */
function append(element, children) {
  for (const child of children) {
    if (child === false || child === null || child === undefined) continue;
    element.append(typeof child === 'number' ? String(child) : child);
  }
}
