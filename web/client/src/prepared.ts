/* prepared.ts - a peer with its offer, made before anybody goes in: what a join need not wait for (docs/client.md, "Coming in").
 *
 * Until it is taken it gathers nothing, sends nothing and asks the person for nothing; it serves one join, the next one. */

import { Peer } from "./peer.js";
import type { Platform } from "./platform.js";
import type { IceServer } from "./protocol.js";

/* Who stands at a door for longer comes in as without it: a browser's connections are not held for nobody. */
const KEEP_MS = 300_000;

export interface Ready {
  peer: Peer;
  offer: string;
  /** What the server said of its relays; undefined: it was not asked, or has not answered. */
  relays: IceServer[] | undefined;
}

interface Waiting {
  peer: Peer;
  offer: Promise<string>;
  slots: number;
  relays?: IceServer[];
}

export interface PreparedOptions {
  platform: Platform;
  /** Undefined: who we are is not known yet, so the server can't be asked. */
  relays: () => Promise<IceServer[]> | undefined;
}

export class Prepared {
  private waiting: Waiting | undefined;
  private stopTimer: () => void = () => {};

  constructor(private readonly options: PreparedOptions) {}

  /** Resolves when all is there that can be there. Asked again it keeps the peer, and for longer. Never rejects: a join says what is wrong. */
  async make(slots: number): Promise<void> {
    if (this.waiting && this.waiting.slots !== slots) {
      this.drop();
    }
    const waiting = (this.waiting ??= this.begin(slots));
    if (!waiting) {
      return;
    }
    this.stopTimer();
    this.stopTimer = this.options.platform.timers.after(KEEP_MS, () => this.drop());
    const asked = this.options.relays()?.then((relays) => void (waiting.relays = relays));
    await Promise.allSettled([waiting.offer, asked]);
  }

  /** For one join, which owns it from now on; undefined: there is none for so many slots. */
  async take(slots: number): Promise<Ready | undefined> {
    const waiting = this.waiting;
    if (waiting?.slots !== slots) {
      return undefined;
    }
    this.waiting = undefined;
    this.stopTimer();
    try {
      return { peer: waiting.peer, offer: await waiting.offer, relays: waiting.relays };
    } catch {
      return undefined; /* closed by begin() */
    }
  }

  private begin(slots: number): Waiting | undefined {
    try {
      const peer = new Peer({ platform: this.options.platform, iceServers: [], slots });
      const waiting = { peer, slots, offer: peer.offer() };
      waiting.offer.catch(() => {
        peer.close();
        this.waiting = this.waiting === waiting ? undefined : this.waiting;
      });
      return waiting;
    } catch {
      return undefined;
    }
  }

  private drop(): void {
    this.stopTimer();
    this.waiting?.peer.close();
    this.waiting = undefined;
  }
}
