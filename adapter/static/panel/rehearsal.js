// @ts-check
// Draw a card once that nobody sees, so that the first one that rings takes no longer than the next.

import { afterDrawing } from "./after_drawing.js";

/** Safari has no `requestIdleCallback`; ms. */
const SOON = 300;

/** Has of everything what a card of a call usually has. @type {import("./contacts_state.js").ContactView} */
const CALL = {
  id: "rehearsal",
  channel: "voice",
  direction: "inbound",
  agent: null,
  customer: { name: "Rehearsal", phone: "+15550100" },
  queue: "Rehearsal",
  stage: "offered",
  stages: { offered: "2026-01-01T00:00:00Z" },
  attributes: { first: "1", second: "2" },
  linked: [],
  phase: "ringing",
};

/**
 * Style, lay out and forget a ringing card when the browser has nothing else to do. On a slow
 * computer the first card was on the screen after 63 ms, and the next after 34.
 * @param {HTMLElement} stage an element that is laid out and not visible
 */
export function rehearse(stage) {
  const whenIdle = window.requestIdleCallback ?? ((run) => window.setTimeout(run, SOON));
  whenIdle(() => {
    const card = /** @type {import("./contact-card.js").ContactCard} */ (
      document.createElement("contact-card")
    );
    stage.append(card);
    card.update(CALL, [], { text: "", state: "empty", replaced: "" });
    card.tick(Date.now());
    afterDrawing(() => card.remove());
  });
}
