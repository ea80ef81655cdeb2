// @ts-check
// Change the page as little as possible: what stays the same keeps its focus and its selection.

/**
 * Copy a `<template>` of the page into an element, once; say whether it was now. An element that is
 * moved within the page is connected again, and has its listeners already.
 * @param {HTMLElement} element
 * @param {string} id
 */
export function stamp(element, id) {
  if (element.firstElementChild) return false;
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(id));
  element.append(document.importNode(template.content, true));
  return true;
}

/**
 * Find the part of an element that a template names by `data-part`.
 * @param {ParentNode} element
 * @param {string} name
 */
export function part(element, name) {
  return /** @type {HTMLElement} */ (element.querySelector(`[data-part="${name}"]`));
}

/**
 * Write a text, and hide its element where there is none. An unchanged text is left alone, so that
 * screen readers hear nothing twice.
 * @param {HTMLElement} element
 * @param {string} text
 */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
  show(element, text !== "");
}

/**
 * Show an element or hide it. Hidden once more, it would make the browser draw a frame for nothing.
 * @param {HTMLElement} element
 * @param {boolean} shown
 */
export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

/**
 * Make the children of `parent` match `items`, one element each, moved and not made anew.
 * @template T
 * @param {HTMLElement} parent
 * @param {readonly T[]} items
 * @param {{tag: string, name: string, key: (item: T) => string,
 *   update: (element: any, item: T) => void}} how `name` is the data attribute that holds the key
 */
export function reconcile(parent, items, { tag, name, key, update }) {
  const known = new Map([...parent.children].map((each) => [each.getAttribute(name), each]));
  let at = parent.firstElementChild;
  for (const item of items) {
    const id = key(item);
    let element = known.get(id);
    known.delete(id);
    if (!element) {
      element = document.createElement(tag);
      element.setAttribute(name, id);
    }
    if (element === at) at = at.nextElementSibling;
    // Moving an element takes its focus away; inserting others around it does not.
    else if (at && element.contains(document.activeElement)) {
      while (at && at !== element) {
        /** @type {Element | null} */
        const next = at.nextElementSibling;
        parent.append(at);
        at = next;
      }
      at = element.nextElementSibling;
    } else parent.insertBefore(element, at);
    update(element, item);
  }
  for (const element of known.values()) element.remove();
}

/**
 * Write names and values as a description list.
 * @param {HTMLElement} list a `<dl>`
 * @param {readonly [string, string][]} pairs
 */
export function describe(list, pairs) {
  const text = pairs.flat().join("\n");
  if (list.dataset.text === text) return;
  list.dataset.text = text;
  list.replaceChildren(
    ...pairs.flatMap(([name, value]) => [element("dt", name), element("dd", value)]),
  );
}

/**
 * Point an icon at another symbol of the sprite.
 * @param {HTMLElement} use an SVG `<use>`
 * @param {string} symbol
 */
export function pointIcon(use, symbol) {
  const target = `${document.body.dataset.icons}#${symbol}`;
  if (use.getAttribute("href") !== target) use.setAttribute("href", target);
}

/** @param {string} tag @param {string} text */
function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  made.dir = "auto";
  return made;
}
