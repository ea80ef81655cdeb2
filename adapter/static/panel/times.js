// @ts-check
// Write times as the agent's region does.

/** "09:05". @param {string | number} time ISO, or ms */
export function timeOfDay(time) {
  const { locale = "en" } = document.body.dataset;
  // The browser may know the region too: 23:05 in Britain is 11:05 PM in America.
  const region = navigator.languages.find((each) => each.startsWith(locale)) ?? locale;
  return new Date(time).toLocaleTimeString(region, { hour: "2-digit", minute: "2-digit" });
}
