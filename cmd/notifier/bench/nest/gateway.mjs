import { WebSocketGateway, WebSocketServer } from "@nestjs/websockets";
import jwt from "jsonwebtoken";

/** A room for each account, which the token opens. */
export class AccountsGateway {
  room = "orders.account.";
  _events = ["appointmnents.finished"];

  handleConnection(client) {
    try {
      const { accountId } = jwt.verify(client.handshake.auth.token, process.env.NEST_JWT_SECRET, { algorithms: ["HS256"] });
      client.join(`${this.room}${accountId}`);
    } catch {
      client.disconnect(true);
    }
  }

  async notifyOnEvent(event, data, payload) {
    if (this._events.includes(event)) {
      this.server.to(`${this.room}${payload.accountId}`).emit(event, data);
    }
  }
}
WebSocketServer()(AccountsGateway.prototype, "server");
WebSocketGateway({ cors: { origin: "*" }, transports: ["websocket"] })(AccountsGateway);
