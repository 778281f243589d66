import { getTime } from "./api.js";

const SAMPLES = 6;
const AGAIN = 60_000;

/**
 * The database's clock as seen from this window. The answer with the shortest
 * way there and back bounds the error by half of that way.
 */
export class ServerClock {
  offset = null; // milliseconds to add to the browser's clock
  error = null; // the offset's uncertainty, in milliseconds

  async keep() {
    for (;;) {
      await this.sync().catch(() => {}); // away for now: the last offset stands
      await new Promise((resolve) => setTimeout(resolve, this.offset === null ? 2_000 : AGAIN));
    }
  }

  async sync() {
    let best = null;
    for (let i = 0; i < SAMPLES; i++) {
      const sent = local();
      const { now } = await getTime();
      const took = local() - sent;
      if (best === null || took < best.took) best = { took, offset: now - (sent + took / 2) };
    }
    this.offset = best.offset;
    this.error = best.took / 2;
  }

  /** A moment of local() by the database's clock, or null before the first answer. */
  of(moment) {
    return this.offset === null ? null : moment + this.offset;
  }
}

/** Now, in milliseconds since 1970 by this window's clock, with fractions. */
export function local() {
  return performance.timeOrigin + performance.now();
}
