// @ts-check
// Write times as the agent's region does.

/** Made once: to make one takes longer than to draw a card. @type {Intl.DateTimeFormat | null} */
let format = null;

/** "09:05". @param {string | number} time ISO, or ms */
export function timeOfDay(time) {
  if (format === null) {
    const { locale = "en" } = document.body.dataset;
    // The browser may know the region too: 23:05 in Britain is 11:05 PM in America.
    const region = navigator.languages.find((each) => each.startsWith(locale)) ?? locale;
    format = new Intl.DateTimeFormat(region, { hour: "2-digit", minute: "2-digit" });
  }
  return format.format(new Date(time));
}
