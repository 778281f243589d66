// The gateway that notifier replaces (see the seed in the documentation of 'appointmnents.finished'), as a NestJS program that runs by itself: what the
// platform's own modules told it in memory comes from a plain trigger here (../compare/plain_trigger.sql). `make bench` measures against it.
//
//   NEST_DATABASE_URL=… NEST_JWT_SECRET=… node main.mjs    serves on a free loopback port and prints ws://…, when it is ready
//
//   gateway.mjs     accounts.gateways.ts: tokens, rooms, and what is emitted to them
//   listeners.mjs   finish-appointment.ts, cancel-appointment.ts, appointments.listener.ts
//   clinic.mjs      the database: statements, and what the trigger notifies
import "reflect-metadata";
import { Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { EventEmitterModule } from "@nestjs/event-emitter";
import { Clinic, StatusChanges } from "./clinic.mjs";
import { AccountsGateway } from "./gateway.mjs";
import { AppointmentsListener, CancelAppointmentListener, FinishAppointmentListener } from "./listeners.mjs";

class AppModule {}
Module({
  imports: [EventEmitterModule.forRoot()],
  providers: [Clinic, StatusChanges, AccountsGateway, FinishAppointmentListener, CancelAppointmentListener, AppointmentsListener],
})(AppModule);

const app = await NestFactory.create(AppModule, { logger: ["error", "warn"] });
app.enableShutdownHooks();
await app.listen(0, "127.0.0.1");
console.log(`ws://127.0.0.1:${app.getHttpServer().address().port}`);
