// Building elements from the page's templates. Data only ever enters as text
// or as an attribute: there is no markup in any string of these scripts.

export function fromTemplate(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

/** The named part of an element that came from a template. */
export function part(root, name) {
  return root.querySelector(`[data-part="${name}"]`);
}

/** Sets text only where it differs, so that screen readers and transitions stay calm. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A number of milliseconds as people write it here. */
export function inMilliseconds(value) {
  if (value === null) return "–";
  const digits = Math.abs(value) < 10 ? 1 : 0;
  return `${value.toLocaleString("pt-BR", { minimumFractionDigits: digits, maximumFractionDigits: digits })} ms`;
}
