// @ts-check
// Write phone numbers so that a person can read them aloud.

/** Country codes of two digits (ITU-T E.164, list of 2024); 1 and 7 have one, all others three. */
const TWO = new Set(
  ("20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 " +
    "60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98").split(" "),
);

/**
 * Group an international number; anything else (an extension, "anonymous") stays as it is.
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

/** @param {string} country @param {string} rest */
function national(country, rest) {
  if (country === "1" && rest.length === 10) return split(rest, [3, 3, 4], " ");
  if (country === "81") return split(rest, japanese(rest), "-");
  return groups(rest).join(" ");
}

/** Japan: mobile and IP numbers have 10 digits, Tokyo (3) and Osaka (6) short area codes.
 * @param {string} rest */
function japanese(rest) {
  if (rest.length === 10) return [2, 4, 4];
  if (/^(120|800)/.test(rest)) return [3, 3, 3];
  return /^[36]/.test(rest) ? [1, 4, 4] : [2, 3, 4];
}

/** @param {string} digits @param {number[]} sizes @param {string} by */
function split(digits, sizes, by) {
  let from = 0;
  const parts = sizes.map((size) => digits.slice(from, (from += size)));
  return [...parts, digits.slice(from)].filter(Boolean).join(by);
}

/** Threes, with two in front or four at the end where that comes out even. @param {string} digits */
function groups(digits) {
  const front = digits.length % 3 === 2 ? 2 : 0;
  const parts = front ? [digits.slice(0, front)] : [];
  for (let at = front; at < digits.length; ) {
    const size = digits.length - at === 4 ? 4 : 3;
    parts.push(digits.slice(at, at + size));
    at += size;
  }
  return parts;
}
