// Look at a page as a careful person does; gives what is wrong with it, one line each.
(limit) => {
  const wrong = [];
  const seen = (element) => element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;
  const unseen = (element) => element.closest(".unseen, noscript, template") !== null;
  const rgb = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const over = (above, below) => {
    const alpha = above[3] ?? 1;
    return [0, 1, 2].map((i) => above[i] * alpha + below[i] * (1 - alpha));
  };
  const ground = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) layers.unshift(rgb(getComputedStyle(each).backgroundColor));
    const canvas = matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
    return layers.reduce((below, above) => over(above, below), canvas);
  };
  for (const element of document.querySelectorAll("body *")) {
    if (!seen(element) || unseen(element) || element.disabled) continue;
    const text = [...element.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim()).join("");
    if (!text) continue;
    const style = getComputedStyle(element);
    const behind = ground(element);
    const [a, b] = [light(over(rgb(style.color), behind)), light(behind)].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (contrast < (large ? 3 : 4.5)) wrong.push(`contrast ${contrast.toFixed(2)}: ${text}`);
    if (size < 11) wrong.push(`small text ${size}px: ${text}`);
    const box = element.getBoundingClientRect();
    if (box.right > limit + 1 || box.left < -1) wrong.push(`outside the page: ${text}`);
    if (element.scrollWidth > element.clientWidth + 1 && style.overflow === "visible" && style.display !== "inline") wrong.push(`overflows: ${text}`);
  }
  for (const element of document.querySelectorAll("button, a[href], input, select, summary")) {
    if (!seen(element) || unseen(element)) continue;
    const box = element.getBoundingClientRect();
    if (box.height < 24 || box.width < 24) wrong.push(`target ${box.width}x${box.height}: ${element.outerHTML.slice(0, 80)}`);
    if (element.tabIndex > 0) wrong.push(`tabindex: ${element.outerHTML.slice(0, 80)}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push(`id twice: ${id}`);
  if (document.documentElement.scrollWidth > limit) wrong.push(`scrolls sideways: ${document.documentElement.scrollWidth}`);
  if (!document.documentElement.lang) wrong.push("no language");
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");
  return wrong;
}
