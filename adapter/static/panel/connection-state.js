// @ts-check
// Show the state of the feed in words; the countdown is for eyes only.

import { part, stamp, write } from "./dom.js";
import { msg, t } from "./strings.js";

const WORDS = {
  connecting: msg("Connecting…"),
  live: msg("Connected"),
  waiting: msg("Connection lost"),
  stopped: msg("Not connected"),
  "signed-out": msg("Signed out"),
};

export class ConnectionState extends HTMLElement {
  connectedCallback() {
    stamp(this, "connection-state");
  }

  /** @param {import("./feed.js").FeedState} state @param {number} now */
  update({ name, retryAt, since }, now) {
    // The first attempts after a loss are no other state to a person than the loss.
    const shown = name === "connecting" && since !== null && now - since > 2000 ? "waiting" : name;
    this.dataset.state = name;
    write(part(this, "words"), t(WORDS[shown]));
    const seconds = retryAt === null ? 0 : Math.ceil((retryAt - now) / 1000);
    write(part(this, "countdown"), seconds > 0 ? t("next try in {seconds} s", { seconds }) : "");
  }
}
