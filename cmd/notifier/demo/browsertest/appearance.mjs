// What can be said of a page's looks without eyes.

/** Fails if a page can be scrolled sideways. */
export async function fitsItsWidth({ page }) {
  const [content, view] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  if (content > view) throw new Error(`the page is ${content} px wide in a window of ${view}`);
}

/** Fails if a control has no name for a screen reader, or two elements share an id. */
export async function isLabelled({ page }) {
  const wrong = await page.evaluate(() => {
    const bad = [];
    for (const control of document.querySelectorAll("button, a[href], input, [role=region]")) {
      if (control.checkVisibility() === false) continue;
      const name = control.ariaLabel || control.textContent.trim() || control.labels?.[0]?.textContent.trim();
      if (!name) bad.push(control.outerHTML.slice(0, 120));
    }
    const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
    bad.push(...ids.filter((id, i) => ids.indexOf(id) !== i));
    return bad;
  });
  if (wrong.length > 0) throw new Error(`without a name, or an id twice: ${wrong.join(", ")}`);
}

/** Fails if visible text has less contrast than WCAG 2 AA asks of text of its size. */
export async function hasContrast({ page }) {
  const weak = await page.evaluate(() => {
    const parse = (color) => color.match(/[\d.]+/g).map(Number);
    const luminance = ([r, g, b]) => {
      const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const behind = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const color = parse(getComputedStyle(at).backgroundColor);
        if ((color[3] ?? 1) > 0.9) return color;
      }
      return [255, 255, 255];
    };
    const bad = new Set();
    for (const element of document.querySelectorAll("body *")) {
      const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== "");
      if (!own || !element.checkVisibility() || element.matches(".skip, .unseen, noscript")) continue;
      const style = getComputedStyle(element);
      const [a, b] = [luminance(parse(style.color)), luminance(behind(element))].sort((x, y) => y - x);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      const contrast = (a + 0.05) / (b + 0.05);
      if (contrast < (large ? 3 : 4.5)) bad.add(`.${element.className} ${contrast.toFixed(2)}`);
    }
    return [...bad];
  });
  if (weak.length > 0) throw new Error(`too little contrast: ${weak.join(", ")}`);
}

/** Fails if a row's button is too small for a finger. */
export async function hasTouchTargets({ page }) {
  const small = await page.evaluate(() =>
    [...document.querySelectorAll(".panel--front .row .button, .tab, .switch")]
      .filter((element) => element.checkVisibility())
      .map((element) => [element.textContent.trim(), element.getBoundingClientRect().height])
      .filter(([, height]) => height < 44),
  );
  if (small.length > 0) throw new Error(`under 44 px high: ${JSON.stringify(small)}`);
}
