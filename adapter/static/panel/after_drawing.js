// @ts-check
// Put off what the agent does not see in the page until what is seen has been drawn.

/** The browser draws no frame of what is scrolled out of sight in the page around; ms. */
const WITHOUT_A_FRAME = 100;

/**
 * Run when the next frame has been drawn: the tab's title and the lock for the ringing are asked
 * of the browser's other processes, which take their turn before ours goes on. In a hidden page
 * nothing is drawn and timers wait, so there it is done at once.
 * @param {() => void} run
 */
export function afterDrawing(run) {
  if (document.hidden) return run();
  const late = setTimeout(() => {
    cancelAnimationFrame(frame);
    run();
  }, WITHOUT_A_FRAME);
  const frame = requestAnimationFrame(() => {
    clearTimeout(late);
    setTimeout(run, 0); // these callbacks come before the frame is drawn
  });
}
