// @ts-check
// Close the sign-in window; a browser that does not let us leaves the page, which says it.

window.close();
