/* commands.ts - a command that may have to be sent twice: each act gets an id of its own, and when the socket was
 * lost before its answer came, the same act goes out once more with the same id on the next socket. The room knows
 * it by the id, so it has no second effect, and answers as it did the first time (docs/protocol.md "WebSocket"). What
 * is asked while there is no socket waits for the next one, for as long as a restart takes. */

import { asVoiceroomError } from "./errors.js";
import type { Timers } from "./platform.js";
import type { RequestType } from "./protocol.js";
import { until } from "./until_self.js";

/* What the room does not remember: once is enough, twice would be seen. */
const PASSING: ReadonlySet<RequestType> = new Set<RequestType>(["room:reaction", "room:quality", "room:ask-unmute", "room:snapshot"]);

/* A socket is back within seconds, or the person has long given up this act. */
const REPEAT_WITHIN_MS = 15_000;

/* A node that restarts is back sooner: who acts meanwhile notices nothing. */
const ABSENCE_MS = 3_000;

export interface CommandsOptions {
  timers: Timers;
  request: (type: RequestType, fields: Record<string, unknown>) => Promise<unknown>;
  /** Requests may go out now. */
  isOpen: () => boolean;
  isOver: () => boolean;
  /** Calls `look` whenever one of the two may have changed; answers what stops it. */
  follow: (look: () => void) => () => void;
}

export class Commands {
  constructor(private readonly options: CommandsOptions) {}

  async send(type: RequestType, fields: Record<string, unknown> = {}): Promise<void> {
    const { request, isOpen, isOver, follow, timers } = this.options;
    if (!isOpen() && !isOver()) {
      await until(timers, ABSENCE_MS, follow, () => isOpen() || isOver());
    }
    if (PASSING.has(type)) {
      await request(type, fields);
      return;
    }
    const command = { ...fields, command_id: newCommandId() };
    const wasSent = isOpen();
    try {
      await request(type, command);
    } catch (cause) {
      if (!wasSent || asVoiceroomError(cause).code !== "client-offline" || isOver()) {
        throw cause;
      }
      await until(timers, REPEAT_WITHIN_MS, follow, () => isOpen() || isOver());
      if (!isOpen()) {
        throw cause;
      }
      await request(type, command);
    }
  }
}

/** 128 random bits as text. Not randomUUID, which pages without https do not have. */
export function newCommandId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
