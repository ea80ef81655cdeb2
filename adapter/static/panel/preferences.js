// @ts-check
// Remember small choices where the browser lets us; blocked storage costs a click, nothing else.

/**
 * @param {() => Storage} storage `() => localStorage`: the mere access throws where it is blocked
 * @param {string} name
 */
export function recall(storage, name) {
  try {
    return storage().getItem(`screenpop.${name}`) === "1";
  } catch {
    return false;
  }
}

/** @param {() => Storage} storage @param {string} name @param {boolean} value */
export function remember(storage, name, value) {
  try {
    storage().setItem(`screenpop.${name}`, value ? "1" : "0");
  } catch {
    // See above.
  }
}
