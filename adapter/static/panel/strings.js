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

/**
 * Translate `text` and fill its `{names}`; a name without a value stays as it is.
 * @param {string} text
 * @param {Readonly<Record<string, string | number>>} [values]
 */
export function t(text, values = {}) {
  const found = Object.hasOwn(catalog, text) ? catalog[text] : text;
  return found.replace(/\{(\w+)\}/g, (whole, name) =>
    Object.hasOwn(values, name) ? String(values[name]) : whole,
  );
}
