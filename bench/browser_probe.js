// @ts-check
// Runs in the page before its own scripts: note when each contact's message came and when its card
// was on the screen (Element Timing; the time of presentation, rounded by the browser to 4 ms).

(() => {
  /** @type {Map<string, number>} ms since navigation, by contact */
  const came = new Map();
  /** @type {Map<string, number>} when the frame after the card's was begun */
  const drawn = new Map();
  /** @type {Map<string, number>} */
  const painted = new Map();
  /** @type {Map<string, () => void>} */
  const waiting = new Map();

  window.WebSocket = class extends WebSocket {
    /** @param {string | URL} url @param {string | string[]} [protocols] */
    constructor(url, protocols) {
      super(url, protocols);
      // The first listener: what the page does with the message comes after it.
      this.addEventListener("message", (event) => {
        const { type, subject } = JSON.parse(event.data);
        // `timeStamp` is when the event was made, before it waited for its turn.
        if (type !== "screenpop.contact.offered") return;
        came.set(subject, event.timeStamp);
        requestAnimationFrame(() => requestAnimationFrame((at) => drawn.set(subject, at)));
      });
    }
  };

  new PerformanceObserver((list) => {
    for (const entry of /** @type {any[]} */ (list.getEntries())) {
      const contact = entry.element?.closest("[data-contact]")?.dataset.contact;
      if (contact === undefined || painted.has(contact)) continue;
      painted.set(contact, entry.renderTime || entry.startTime);
      waiting.get(contact)?.();
    }
  }).observe({ type: "element", buffered: true });

  // The page's modules run after parsing: cards that they make are copies of this.
  document.addEventListener("readystatechange", () => {
    const template = /** @type {HTMLTemplateElement | null} */ (
      document.getElementById("contact-card")
    );
    template?.content
      .querySelector("[data-part=title]")
      ?.setAttribute("elementtiming", "contact");
  });

  Object.assign(window, {
    benchProbe: {
      /** @param {string} contact */
      async painted(contact) {
        if (!painted.has(contact)) {
          await /** @type {Promise<void>} */ (
            new Promise((resolve) => waiting.set(contact, resolve))
          );
        }
        const at = painted.get(contact) ?? NaN;
        const start = came.get(contact) ?? NaN;
        return {
          since_navigation: at,
          since_message: at - start,
          frames: (drawn.get(contact) ?? NaN) - start,
        };
      },
    },
  });
})();
