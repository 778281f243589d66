// What a window knows of one account's list. A snapshot, which the clinic's API
// answers with, is the truth where the stream begins; from then on a row comes,
// moves and leaves by notifier's events alone. What is no event, new bookings,
// later snapshots add.

const BOOKED = "AGENDADO";
const SHOWN = new Set([BOOKED, "CHECKIN", "EM_ATENDIMENTO"]);
const REMEMBERED = 2_000;

export class WaitingList {
  rows = new Map(); // by id
  #ended = new Map(); // id → when, in milliseconds: what is older must not bring it back

  /**
   * Takes a snapshot in that was asked for at that moment; whole says that it is
   * the truth about what is open. Returns the ids that went without an event.
   */
  take(snapshot, whole, asked) {
    const seen = new Set();
    for (const row of snapshot) {
      seen.add(row.id);
      if (whole || (row.status.code === BOOKED && !this.rows.has(row.id))) this.#put(row);
    }
    if (!whole) return [];
    const gone = [...this.rows.values()].filter(({ id, heard }) => !seen.has(id) && !(heard >= asked)).map(({ id }) => id);
    for (const id of gone) this.rows.delete(id);
    return gone;
  }

  /**
   * Takes an event's appointment in, heard at that moment, code being its
   * status's. One that has ended by now is left alone: its end is an event of
   * its own.
   */
  change(data, code, heard) {
    if (!SHOWN.has(code)) return;
    this.#put({
      id: data.id,
      startTime: data.startTime,
      updatedAt: data.updatedAt,
      status: { code, name: data.status.name },
      doctor: data.doctor,
      patient: data.patient,
      procedures: data.procedures.map(({ name }) => name),
      heard,
    });
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

  // Not what is older than what is known, or than its own end.
  #put(row) {
    const at = Date.parse(row.updatedAt);
    if (this.#ended.has(row.id)) {
      if (at <= this.#ended.get(row.id)) return;
      this.#ended.delete(row.id); // opened again
    }
    const known = this.rows.get(row.id);
    if (known && Date.parse(known.updatedAt) > at) return;
    this.rows.set(row.id, row);
  }
}

/** Who is free and who is busy: from the snapshot where the stream begins, then from events. */
export class DoctorStates {
  #doctors = new Map(); // by id: {id, name, isBusy, heard}

  get all() {
    return [...this.#doctors.values()];
  }

  /** Takes a snapshot in that was asked for at that moment: what was heard since is newer. */
  take(snapshot, whole, asked) {
    const before = this.#doctors;
    this.#doctors = new Map();
    for (const { id, name, isBusy } of snapshot) {
      const known = before.get(id);
      const keep = known !== undefined && (!whole || known.heard >= asked);
      this.#doctors.set(id, { id, name, isBusy: keep ? known.isBusy : isBusy, heard: known?.heard ?? -1 });
    }
  }

  /** Takes an event's data in, heard at that moment. */
  hear(data, heard) {
    const doctor = this.#doctors.get(data.id);
    if (doctor === undefined) return; // the next snapshot has it
    if ("isBusy" in data) Object.assign(doctor, { isBusy: data.isBusy, heard });
    else this.#doctors.delete(data.id); // gone
  }
}
