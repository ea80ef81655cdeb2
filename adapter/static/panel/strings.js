// @ts-check
// Translate what the panel says; the English text is the key, as in gettext.

/** @type {Readonly<Record<string, string>>} */
let catalog = {};

/**
 * Fetch the catalogue; without one the panel speaks English rather than nothing.
 * @param {string} url
 * @param {typeof fetch} fetch
 */
export async function load(url, fetch) {
  try {
    const response = await fetch(url);
    if (response.ok) catalog = await response.json();
  } catch {
    // The feed will say that the server is lost; a missing catalogue is no news beside that.
  }
}

/**
 * Mark a text for the catalogue without translating it yet (for tables of texts).
 * @param {string} text
 */
export const msg = (text) => text;

/** What turns the direction of text, and would go on behind the value that holds it. */
const DIRECTIONS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Leave out of a value that others wrote what turns the direction of its text: "gnp.exe" behind a
 * U+202E reads as "exe.png". Letters that run from right to left do so without it.
 * @param {string} value
 */
export const unturned = (value) => value.replace(DIRECTIONS, "");

/**
 * Set a value that others wrote apart from the sentence around it, as `<bdi>` does in HTML: its
 * direction neither turns the sentence nor is turned by it (Unicode UAX 9, FSI and PDI).
 * @param {string} value
 */
export function isolated(value) {
  const plain = unturned(value);
  // Plain ASCII runs one way: nothing to keep apart.
  return /^[\x20-\x7e]*$/.test(plain) ? plain : `\u2068${plain}\u2069`;
}

/**
 * Translate `text` and fill its `{names}`; a name without a value stays as it is.
 * @param {string} text
 * @param {Readonly<Record<string, string | number>>} [values]
 */
export function t(text, values = {}) {
  const found = Object.hasOwn(catalog, text) ? catalog[text] : text;
  return found.replace(/\{(\w+)\}/g, (whole, name) =>
    Object.hasOwn(values, name) ? isolated(String(values[name])) : whole,
  );
}
