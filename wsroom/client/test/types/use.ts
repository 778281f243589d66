// Compiled by a test and never run: what an application may write, and what the types must refuse.
import { connect, type AppointmentEvent, type Client, type Gone, type WebSocketLike } from "notifier-client";

declare module "notifier-client" {
  interface Events {
    "appointments.late": Gone;
  }
}

declare const Socket: new (url: string, protocols: string[]) => WebSocketLike;

export const client: Client = connect({ url: "/ws", token: async () => "t", storage: sessionStorage, WebSocket });
connect({ url: new URL("wss://notifier.example/ws"), token: "t", cursor: "1-2", WebSocket: Socket }).close();

client.on("appointmnents.finished", (data, { id, event }) => {
  const both: number | string = data.id;
  if ("status" in data) console.log(data.status?.name ?? data.patient?.contact?.phone, id, event, both);
  else console.log(data.deletedAt.length);
});
const off: () => void = client.on("doctors.busy", (data) => "isBusy" in data && console.log(data.isBusy));
client.on("appointments.late", (data) => console.log(data.deletedAt));
client.on("*", (data, { event }) => console.log(event, data));
client.on("refetch", ({ cursor }) => console.log(cursor));
client.on("status", (status) => {
  if (status.state === "online") console.log(status.recovered);
  else if (status.state === "waiting") console.log(status.wait, status.code);
});
off();

// @ts-expect-error: without a token
connect({ url: "/ws" });
// @ts-expect-error: a frame that lacks its data
export const frame: AppointmentEvent = { type: "event", id: "1-1", event: "appointmnents.finished" };
// @ts-expect-error: only an online connection knows
client.on("status", (status) => console.log(status.recovered));
client.on("doctors.busy", (data) => {
  // @ts-expect-error: a doctor that is gone has no state
  console.log(data.isBusy);
});
