import { Inject, Injectable, Logger } from "@nestjs/common";
import { EventEmitter2, OnEvent } from "@nestjs/event-emitter";
import { Clinic } from "./clinic.mjs";
import { AccountsGateway } from "./gateway.mjs";

/** Lets a method of a class listen, as `@OnEvent(event)` above it does. */
const on = (event, { prototype }, method) => OnEvent(event)(prototype, method, Object.getOwnPropertyDescriptor(prototype, method));

const inject = (target, ...dependencies) => {
  Injectable()(target);
  dependencies.forEach((dependency, i) => Inject(dependency)(target, undefined, i));
};

/** finish-appointment.ts */
export class FinishAppointmentListener {
  logger = new Logger("FinishAppointmentListener");

  constructor(eventEmitter, clinic) {
    Object.assign(this, { eventEmitter, clinic });
  }

  async handleAppointmentsStatusChange(event) {
    if (event.action !== "FINALIZADO") return;
    try {
      await this.clinic.freeDoctor(event.doctorId);
      const appointment = await this.clinic.appointment(event.appointmentId);
      this.eventEmitter.emit("appointmnents.finished", { appointment, payload: event.payload });
    } catch (error) {
      this.logger.error(`appointment ${event.appointmentId}:`, error);
    }
  }
}
inject(FinishAppointmentListener, EventEmitter2, Clinic);
on("appointments.status.change", FinishAppointmentListener, "handleAppointmentsStatusChange");

/** cancel-appointment.ts */
export class CancelAppointmentListener {
  logger = new Logger("CancelAppointmentListener");

  constructor(eventEmitter, clinic) {
    Object.assign(this, { eventEmitter, clinic });
  }

  async handleAppointmentsStatusChange(event) {
    if (event.action !== "CANCELADO") return;
    try {
      const appointment = await this.clinic.appointment(event.appointmentId);
      this.eventEmitter.emit("appointmnents.finished", { appointment, payload: event.payload });
    } catch (error) {
      this.logger.error(`appointment ${event.appointmentId}:`, error);
    }
  }
}
inject(CancelAppointmentListener, EventEmitter2, Clinic);
on("appointments.status.change", CancelAppointmentListener, "handleAppointmentsStatusChange");

/** appointments.listener.ts */
export class AppointmentsListener {
  logger = new Logger("AppointmentsListener");

  constructor(gateway) {
    this.gateway = gateway;
  }

  async handleAppointmentsFinished({ appointment, payload }) {
    try {
      await this.gateway.notifyOnEvent("appointmnents.finished", appointment, payload);
    } catch (error) {
      this.logger.error("appointmnents.finished:", error);
    }
  }
}
inject(AppointmentsListener, AccountsGateway);
on("appointmnents.finished", AppointmentsListener, "handleAppointmentsFinished");
