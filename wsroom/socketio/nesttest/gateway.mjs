// The gateway that the field has, as far as clients see it: an account's room, joined by the token (here: "account <id>"), and what is emitted to it.
// It prints its URL; each line on standard input is an appointment of account 1 to tell. It ends with its input.
import "reflect-metadata";
import { createInterface } from "node:readline";
import { Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { WebSocketGateway, WebSocketServer } from "@nestjs/websockets";

class AccountsGateway {
  room = "orders.account.";

  handleConnection(client) {
    const token = (client.handshake.auth.token ?? client.handshake.headers.authorization ?? "").replace(/^Bearer /, "");
    if (!token.startsWith("account-")) {
      client.disconnect();
      return;
    }
    client.join(this.room + token.slice("account-".length));
  }

  async notifyOnEvent(event, data, payload) {
    this.server.to(this.room + payload.accountId).emit(event, data);
  }
}
WebSocketServer()(AccountsGateway.prototype, "server");
WebSocketGateway({ cors: { origin: "*" } })(AccountsGateway);

class AppModule {}
Module({ providers: [AccountsGateway] })(AppModule);

const app = await NestFactory.create(AppModule, { logger: ["error"] });
await app.listen(0, "127.0.0.1");
console.log(`http://127.0.0.1:${app.getHttpServer().address().port}`);
for await (const line of createInterface({ input: process.stdin })) {
  await app.get(AccountsGateway).notifyOnEvent("appointmnents.finished", JSON.parse(line), { accountId: 1 });
}
process.exit(0);
