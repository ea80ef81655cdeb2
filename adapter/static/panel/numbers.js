// @ts-check
// Write phone numbers so that a person can read them aloud.

/** Country codes of two digits (ITU-T E.164, list of 2024); 1 and 7 have one, all others three. */
const TWO = new Set(
  ("20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 " +
    "60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98").split(" "),
);

/**
 * Set the country code apart, and group what follows where its groups are certain; anything but an
 * international number (an extension, "anonymous") stays as it is.
 * @param {string} raw
 */
export function readable(raw) {
  const trimmed = raw.trim().replace(/^tel:/i, "");
  const digits = trimmed.replace(/[\s().\-/]/g, "");
  if (!/^\+[1-9]\d{6,14}$/.test(digits)) return trimmed;
  const country = countryCode(digits.slice(1));
  return `+${country} ${national(country, digits.slice(1 + country.length))}`;
}

/** @param {string} digits */
function countryCode(digits) {
  if (digits[0] === "1" || digits[0] === "7") return digits[0];
  return digits.slice(0, TWO.has(digits.slice(0, 2)) ? 2 : 3);
}

/**
 * Groups of the national number where it can have no others: what it looks like, sizes. In most
 * countries the length of the area code is known only by a long list, and a wrong group is worse
 * to read aloud than none.
 * @type {Readonly<Record<string, readonly [RegExp, number[]][]>>}
 */
const GROUPS = {
  1: [[/^\d{10}$/, [3, 3, 4]]],
  33: [[/^[1-79]\d{8}$/, [1, 2, 2, 2, 2]]],
  41: [[/^[2-7]\d{8}$/, [2, 3, 2, 2]]],
  45: [[/^\d{8}$/, [2, 2, 2, 2]]],
  65: [[/^[3689]\d{7}$/, [4, 4]]],
  81: [
    [/^800\d{7}$/, [3, 3, 4]],
    [/^[5789]0\d{8}$/, [2, 4, 4]],
    [/^(120|570)\d{6}$/, [3, 3, 3]],
    [/^[36]\d{8}$/, [1, 4, 4]],
    // Sapporo, Kawasaki, Yokohama, Nagoya, Kyoto, Kobe: no longer code begins so.
    [/^(11|44|45|52|75|78)\d{7}$/, [2, 3, 4]],
  ],
  351: [[/^[29]\d{8}$/, [3, 3, 3]]],
  420: [[/^[2-7]\d{8}$/, [3, 3, 3]]],
  852: [[/^[2-9]\d{7}$/, [4, 4]]],
};

/** @param {string} country @param {string} rest */
function national(country, rest) {
  const sizes = GROUPS[country]?.find(([form]) => form.test(rest))?.[1] ?? [];
  return split(rest, sizes, country === "81" ? "-" : " ");
}

/** @param {string} digits @param {number[]} sizes @param {string} by */
function split(digits, sizes, by) {
  let from = 0;
  const parts = sizes.map((size) => digits.slice(from, (from += size)));
  return [...parts, digits.slice(from)].filter(Boolean).join(by);
}
