// @ts-check
// Say in the agent's language what the empty tab is for.

import { load, t } from "./strings.js";

const locale = new URLSearchParams(window.location.search).get("locale");
if (locale === "ja") await load("../locales/ja.json", window.fetch.bind(window));
document.documentElement.lang = locale === "ja" ? "ja" : "en";
document.title = t("Records open here");
/** @param {string} id @param {string} text */
function write(id, text) {
  const element = document.getElementById(id);
  if (element) element.textContent = text;
}
write("title", t("Records open here"));
write("detail", t("Keep this tab open. When you answer, the record appears here; you can go back to the panel now."));
