// @ts-check
// Offer the one click that opens the tab for records and turns the sound on.

import { part, show, stamp, write } from "./dom.js";
import { t } from "./strings.js";

export class ShiftStart extends HTMLElement {
  connectedCallback() {
    stamp(this, "shift-start");
  }

  /** @param {boolean} offered @param {boolean} startedBefore */
  update(offered, startedBefore) {
    show(this, offered);
    this.dataset.state = startedBefore ? "closed" : "new";
    write(
      part(this, "title"),
      startedBefore ? t("The tab for records was closed") : t("Start your shift"),
    );
    write(
      part(this, "detail"),
      startedBefore
        ? t("Until it is open again, each record waits for your click.")
        : t("One click opens the tab in which records appear, and turns the sound on."),
    );
    write(part(this, "label"), startedBefore ? t("Open the tab again") : t("Start shift"));
  }
}
