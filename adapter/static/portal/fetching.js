// Ask the server from a page of the portal: JSON both ways, with the header that proves our own page.

/** Send `body` to `path`; gives the answer's JSON, or throws an Error with the problem's words. */
export async function ask(path, body, { signal } = {}) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Screenpop": "1" },
    body: JSON.stringify(body),
    signal,
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail ?? answer.title);
  return answer;
}

/**
 * Call `work(signal)` when `wait` milliseconds have passed without another call; a call that is
 * still under way is cancelled, so that an old answer never covers a new one.
 */
export function debounced(work, wait = 300) {
  let timer;
  let running;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      running?.abort();
      running = new AbortController();
      const { signal } = running;
      try {
        await work(signal);
      } catch (error) {
        if (!signal.aborted) console.warn("portal: no answer", error);
      }
    }, wait);
  };
}
