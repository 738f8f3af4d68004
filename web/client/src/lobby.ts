/* lobby.ts - a socket without a room: the server knows who is there, and tells what he wanted to be reminded of. */

import { patientBackoff } from "./backoff.js";
import type { Platform } from "./platform.js";
import type { ReminderTold } from "./protocol.js";
import { Signalling } from "./signalling.js";

export interface LobbyOptions {
  /** "https://voice.example" */
  url: string;
  /** Asked anew for each connection. */
  token: () => string | undefined;
  platform: Platform;
  onReminder: (reminder: ReminderTold) => void;
}

/* Nothing else is said here for hours, and a connection that died silently must show. */
const PING_MS = 15_000;

export class Lobby {
  private readonly signalling: Signalling;
  private stopPing: () => void = () => {};
  private readonly stopWake: () => void;

  constructor(private readonly options: LobbyOptions) {
    const { platform, url, token } = options;
    this.signalling = new Signalling({
      url: () => `${url.replace(/^http/, "ws")}/v1/ws`,
      platform,
      backoff: patientBackoff(platform.random),
      first: () => ({ type: "session:hello", fields: { token: token() } }),
      onReady: () => this.ping(),
      onEvent: (event) => event.type === "schedule:reminder" && options.onReminder(event),
      onComplaint: () => {},
      onDown: () => this.stopPing(),
      /* The token has run out: nobody is known here any more, and so nothing is told. */
      onRefused: () => this.stopPing(),
      onOver: () => this.stopPing(),
    });
    this.stopWake = platform.onWake(() => this.signalling.wake());
    this.signalling.start();
  }

  close(): void {
    this.stopWake();
    this.stopPing();
    this.signalling.stop();
  }

  private ping(): void {
    this.stopPing();
    this.stopPing = this.options.platform.timers.after(PING_MS, () => {
      this.signalling.request("session:ping").catch(() => {});
      this.ping();
    });
  }
}
