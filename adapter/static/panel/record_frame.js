// @ts-check
// Show a record in a frame beside the panel, where the panel is the top page and the admin chose so.

import { t } from "./strings.js";

/**
 * The outcome is "unknown": a frame that the page's CSP blocks looks like a loaded one to us.
 * @param {HTMLElement} place
 * @param {string} url
 * @returns {import("./ladder.js").Result}
 */
export function showRecord(place, url) {
  let frame = place.querySelector("iframe");
  if (!frame) {
    frame = document.createElement("iframe");
    frame.title = t("Record");
    frame.referrerPolicy = "strict-origin";
    place.append(frame);
  }
  // The frame of the same record may hold what the agent has typed: it is not loaded again.
  if (frame.src !== url) frame.src = url;
  place.hidden = false;
  document.body.dataset.layout = "beside";
  return { outcome: "unknown", detail: "" };
}
