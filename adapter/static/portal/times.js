// Write times in the browser's own time zone: the server knows it only from this script's cookie.

const COOKIE = "screenpop-zone";
const YEAR = 365 * 24 * 3600;

/** The zone that the browser is in, as the IANA database names it. */
function here() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
}

/**
 * Tell the server the zone once; until it has heard of it, rewrite the times of `root`.
 *
 * A zone that is told already stays: it may be the person's own choice.
 */
export function writeTimes(root) {
  const known = document.cookie.split("; ").some((each) => each.startsWith(`${COOKIE}=`));
  if (!known) {
    document.cookie = `${COOKIE}=${here()}; Path=/; Max-Age=${YEAR}; SameSite=Lax`;
  }
  if (known || document.body.dataset.zone === here()) return;
  for (const element of root.querySelectorAll("time[data-length]")) {
    const long = element.dataset.length === "medium";
    const format = new Intl.DateTimeFormat(document.documentElement.lang, {
      dateStyle: long ? "medium" : "short",
      timeStyle: long ? "medium" : "short",
    });
    element.textContent = format.format(new Date(element.dateTime));
  }
}
