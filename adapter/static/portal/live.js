// Keep a part of the page up to date: ask for it again while the page is in sight, unless paused.

const EVERY = 2_000;
const AFTER_FAILURE = 5_000;

const source = document.querySelector("[data-live]");
const state = document.querySelector("[data-live-state]");
if (source?.dataset.live && state) keepUpToDate(source, state);

function keepUpToDate(from, row) {
  const text = row.querySelector("[data-live-text]");
  const button = row.querySelector("[data-live-pause]");
  const into = document.querySelector(from.dataset.liveInto);
  let sequence = from.dataset.sequence;
  let every = EVERY;
  let paused = false;
  let timer;

  const say = (what) => {
    if (text.textContent !== text.dataset[what]) text.textContent = text.dataset[what];
  };
  const later = (wait) => {
    clearTimeout(timer);
    if (!paused && !document.hidden) timer = setTimeout(ask, wait);
  };

  async function ask() {
    // A selection would be lost under somebody's hands.
    if (!document.getSelection().isCollapsed) return later(every);
    try {
      const response = await fetch(`${from.dataset.live}&since=${sequence}`, { redirect: "manual" });
      if (paused) return;
      if (response.type === "opaqueredirect" || response.status === 403) return say("over");
      if (!response.ok) throw new Error(`status ${response.status}`);
      if (response.status !== 204) {
        const html = await response.text();
        if (paused) return;
        sequence = response.headers.get("x-sequence");
        // What takes the server long is asked for less often.
        every = Math.max(EVERY, 1_000 * Number(response.headers.get("x-ask-again-after")));
        replace(into, html);
      }
      say("on");
      later(every);
    } catch (error) {
      if (paused) return;
      console.warn("portal: no answer", error);
      say("lost");
      later(AFTER_FAILURE);
    }
  }

  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? button.dataset.off : button.dataset.on;
    say(paused ? "off" : "on");
    later(0);
  });
  document.addEventListener("visibilitychange", () => later(0));
  row.hidden = false;
  say("on");
  later(EVERY);
}

/** Put new content into `element`; what has the focus, or is unfolded, stays so where it is still there. */
function replace(element, html) {
  // Rows are only understood inside a table.
  const table = element.localName === "tbody";
  const parsed = new DOMParser().parseFromString(
    table ? `<table><tbody>${html}</tbody></table>` : html,
    "text/html",
  );
  const fresh = table ? parsed.querySelector("tbody") : parsed.body;
  const focused = element.contains(document.activeElement)
    ? document.activeElement.getAttribute("href")
    : null;
  const unfolded = [...element.querySelectorAll("details")].map((each) => each.open);
  element.replaceChildren(...fresh.childNodes);
  [...element.querySelectorAll("details")].forEach((each, place) => {
    each.open = unfolded[place] ?? each.open;
  });
  if (focused !== null) {
    const again = [...element.querySelectorAll("a[href]")];
    again.find((each) => each.getAttribute("href") === focused)?.focus();
  }
}
