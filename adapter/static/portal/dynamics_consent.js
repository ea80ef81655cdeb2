// Wait for the consent window to end, and show what came of it.

const EVERY = 2000; // milliseconds
const LONGEST = 11 * 60 * 1000; // the consent window lasts ten minutes

const waiting = document.querySelector("[data-waiting]");
const { state, marker, done } = waiting.dataset;
const until = Date.now() + LONGEST;

async function look() {
  try {
    const response = await fetch(state, { headers: { Accept: "application/json" } });
    if (response.ok && (await response.json()).marker !== marker) {
      location.assign(done);
      return;
    }
  } catch {
    // The server is away for a moment; the link below works all the same.
  }
  if (Date.now() < until) setTimeout(look, EVERY);
}

setTimeout(look, EVERY);
