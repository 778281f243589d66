import { readFile } from "node:fs/promises";
import { Inject, Injectable, Logger } from "@nestjs/common";
import { EventEmitter2 } from "@nestjs/event-emitter";
import pg from "pg";

const connectionString = process.env.NEST_DATABASE_URL;
const appointmentSQL = await readFile(new URL("../floor/appointment.sql", import.meta.url), "utf8");

const procedureOf = (row) => ({ id: row.procedureId, name: row.procedureName, price: row.procedurePrice });

/** AppointmentResponseDto, of the rows of its procedures. */
function appointmentResponse(rows) {
  const [a] = rows;
  const procedures = a.procedureId === null ? [] : rows.map(procedureOf);
  return {
    id: a.id,
    date: a.date,
    startTime: a.startTime,
    endTime: a.endTime,
    notes: a.notes,
    accountId: a.accountId,
    createdAt: a.createdAt,
    updatedAt: a.updatedAt,
    deletedAt: a.deletedAt,
    doctor: { id: a.doctorId, name: a.doctorName },
    patient: { id: a.patientId, name: a.patientName, contact: a.contactId === null ? null : { phone: a.phone } },
    status: { id: a.statusId, name: a.statusName, color: a.statusColor },
    appointmentProcedures: procedures.length === 0 ? null : { procedure: procedures[0] },
    procedures,
  };
}

/** The clinic's tables. Statements have names, so that the server plans them once for a connection. */
export class Clinic {
  pool = new pg.Pool({ connectionString, max: 10 });

  async freeDoctor(id) {
    await this.pool.query({ name: "free", text: 'UPDATE doctors SET "isBusy" = false WHERE id = $1', values: [id] });
  }

  async appointment(id) {
    const { rows } = await this.pool.query({ name: "appointment", text: appointmentSQL, values: [id] });
    return appointmentResponse(rows);
  }

  async onApplicationShutdown() {
    await this.pool.end();
  }
}
Injectable()(Clinic);

/** Tells of each appointment that has ended, as the platform's modules do: 'appointments.status.change'. */
export class StatusChanges {
  client = new pg.Client({ connectionString });
  logger = new Logger("StatusChanges");

  constructor(eventEmitter) {
    this.eventEmitter = eventEmitter;
  }

  async onApplicationBootstrap() {
    this.client.on("error", (error) => this.logger.error("listen", error));
    this.client.on("notification", ({ payload }) => {
      const { id, accountId, doctorId, action } = JSON.parse(payload);
      this.eventEmitter.emit("appointments.status.change", { appointmentId: id, doctorId, action, payload: { accountId } });
    });
    await this.client.connect();
    await this.client.query("LISTEN status_change");
  }

  async onApplicationShutdown() {
    await this.client.end();
  }
}
Injectable()(StatusChanges);
Inject(EventEmitter2)(StatusChanges, undefined, 0);
