// Make every page of the portal kinder: times in the browser's zone, texts that are copied by a click.

import { writeTimes } from "./times.js";
import { copyByClick } from "./copying.js";

writeTimes(document);
copyByClick(document);

// What is wrong is said first: the summary takes the focus that the new page has not given yet.
document.getElementById("errors")?.focus();
