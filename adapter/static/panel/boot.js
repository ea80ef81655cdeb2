// @ts-check
// Load the page again where a module of it did not come (an upgrade in the very moment).
//
// A classic script on its own: it must run where the modules do not. The card that the agent reads
// meanwhile needs no script at all (boot.css).
(function boot() {
  const WAIT = 15_000; // ms; the card is shown after 8 s
  const TRIES = 3;
  window.setTimeout(() => {
    if (!document.getElementById("boot")) return;
    try {
      const tries = Number(sessionStorage.getItem("screenpop.boot") ?? 0);
      if (tries >= TRIES) return;
      sessionStorage.setItem("screenpop.boot", String(tries + 1));
      window.location.reload();
    } catch {
      // No storage to count in: better a card than a page that reloads for ever.
    }
  }, WAIT);
})();
