// How long events take from COMMIT to this window.

const KEPT = 500; // for the medians
const BARS = 24;
const SVG = "http://www.w3.org/2000/svg";

export class Latency {
  count = 0;
  last = null;
  #received = [];
  #shown = [];

  add(received, shown) {
    this.count++;
    this.last = shown;
    keep(this.#received, received);
    keep(this.#shown, shown);
  }

  medianReceived() {
    return median(this.#received);
  }

  medianShown() {
    return median(this.#shown);
  }

  /** Draws the latest times into an svg of 120 by 24. */
  draw(svg) {
    const latest = this.#shown.slice(-BARS);
    const tallest = Math.max(20, ...latest);
    const bars = latest.map((value, i) => {
      const height = Math.max(1.5, (value / tallest) * 24);
      const bar = document.createElementNS(SVG, "rect");
      bar.setAttribute("x", String((BARS - latest.length + i) * 5));
      bar.setAttribute("y", String(24 - height));
      bar.setAttribute("width", "3.4");
      bar.setAttribute("height", String(height));
      bar.setAttribute("rx", "1");
      return bar;
    });
    svg.replaceChildren(...bars);
  }
}

function keep(list, value) {
  list.push(value);
  if (list.length > KEPT) list.shift();
}

function median(list) {
  if (list.length === 0) return null;
  const sorted = [...list].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** Resolves after the next frame was drawn, with false if the window was hidden meanwhile. */
export function nextFrame() {
  return new Promise((resolve) => {
    if (document.hidden) {
      resolve(false);
      return;
    }
    const hidden = () => finish(false);
    const finish = (shown) => {
      document.removeEventListener("visibilitychange", hidden);
      resolve(shown);
    };
    document.addEventListener("visibilitychange", hidden);
    // A message posted from the frame's callback is delivered after its paint.
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => finish(true);
      channel.port2.postMessage(null);
    });
  });
}
