// What a window knows of one account's list. Two sources meet here: snapshots
// that the clinic's API answers with, and notifier's events. A row leaves by an
// event; a snapshot adds and changes rows, and only one that follows a fresh
// start of the stream may take away what it does not have.

const SHOWN = new Set(["AGENDADO", "CHECKIN", "EM_ATENDIMENTO"]);
const REMEMBERED = 2_000;

export class WaitingList {
  rows = new Map(); // by id
  #ended = new Map(); // id → when, in milliseconds: a late snapshot must not bring it back

  /**
   * Takes a snapshot in; whole says that it is the truth about what is open.
   * Returns the ids that went without an event.
   */
  take(snapshot, whole) {
    const seen = new Set();
    for (const row of snapshot) {
      seen.add(row.id);
      const at = Date.parse(row.updatedAt);
      if (this.#ended.has(row.id)) {
        if (at <= this.#ended.get(row.id)) continue; // as it was before its end
        this.#ended.delete(row.id); // opened again
      }
      const known = this.rows.get(row.id);
      if (known && Date.parse(known.updatedAt) > at) continue;
      if (SHOWN.has(row.status.code)) this.rows.set(row.id, row);
    }
    if (!whole) return [];
    const gone = [...this.rows.keys()].filter((id) => !seen.has(id));
    for (const id of gone) this.rows.delete(id);
    return gone;
  }

  /** Takes an event's data in; returns the row that has to leave, if it was here. */
  end(data) {
    const row = this.rows.get(data.id) ?? null;
    this.rows.delete(data.id);
    this.#ended.delete(data.id);
    this.#ended.set(data.id, Date.parse(data.updatedAt ?? data.deletedAt));
    if (this.#ended.size > REMEMBERED) this.#ended.delete(this.#ended.keys().next().value);
    return row;
  }

  /** The rows in one status, by time. */
  in(code) {
    return [...this.rows.values()]
      .filter((row) => row.status.code === code)
      .sort((a, b) => a.startTime.localeCompare(b.startTime) || a.id - b.id);
  }
}
