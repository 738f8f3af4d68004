/* returns.ts - coming in, coming back, and moving on: which node is asked, and how often.
 *
 * rejoin: the old connection is gone. A new one is tried, on each node in turn, until one lets us in or says no
 * for good. move: the node is about to go. The new connection is made on another node first, and the old one
 * plays until it is up. */

import { patientBackoff } from "./backoff.js";
import { asVoiceroomError, VoiceroomError } from "./errors.js";
import type { NodeList } from "./nodes.js";
import { sleep } from "./platform.js";
import type { Timers } from "./platform.js";

/* A line at the door is waited in for so long in all. */
const LINE_MAX_MS = 60_000;
/* So often in a row before another node is asked. */
const LINES_MAX = 3;

/** Many come in at once: the node says when there is a place, and keeps ours in line meanwhile. */
const isLine = (error: VoiceroomError) => error.code === "busy" && error.retryAfterMs > 0;

export interface ReturnsOptions {
  timers: Timers;
  random: () => number;
  nodes: NodeList;
  isOver: () => boolean;
  /** Whether the old connection still plays: then it is replaced only by one that is up. False: that was not. */
  join: (make: "first" | "move") => Promise<boolean>;
  /** The access token is not taken any more. True: go on with the resume token alone. */
  forgetToken: () => boolean;
  onReturning: () => void;
  onRefused: (error: VoiceroomError) => void;
}

export class Returns {
  private running = false;

  constructor(private readonly options: ReturnsOptions) {}

  get busy(): boolean {
    return this.running;
  }

  /** The first entry. A node that is being drained sends us on: to each that it names, until one takes us. */
  async enter(): Promise<void> {
    const { nodes, join } = this.options;
    try {
      await this.joinInLine();
    } catch (cause) {
      const error = asVoiceroomError(cause);
      nodes.learn(error.nodes);
      for (const node of error.nodes.length > 0 ? nodes.others() : []) {
        nodes.use(node);
        if (await join("first").then(() => true, () => false)) {
          return;
        }
      }
      throw error;
    }
  }

  private async joinInLine(): Promise<void> {
    let waited = 0;
    for (;;) {
      try {
        await this.options.join("first");
        return;
      } catch (cause) {
        const error = asVoiceroomError(cause);
        waited += error.retryAfterMs;
        if (!isLine(error) || waited > LINE_MAX_MS) {
          throw error;
        }
        await sleep(this.options.timers, error.retryAfterMs);
      }
      if (this.options.isOver()) {
        throw new VoiceroomError({ code: "client-closed" });
      }
    }
  }

  /** One at a time; it ends when it worked or when a node says no for good. */
  async rejoin(): Promise<void> {
    if (this.running || this.options.isOver()) {
      return;
    }
    this.running = true;
    this.options.onReturning();
    const backoff = patientBackoff(this.options.random);
    let lines = 0;
    while (!this.options.isOver()) {
      try {
        await this.options.join("first");
        break;
      } catch (cause) {
        const error = asVoiceroomError(cause);
        if (error.code === "unauthorized" && this.options.forgetToken()) {
          continue;
        }
        if (!error.retryable) {
          this.options.onRefused(error);
          break;
        }
        if (error.nodes.length > 0) {
          this.options.nodes.learn(error.nodes);
        }
        lines = isLine(error) ? lines + 1 : 0;
        if (lines === 0 || lines > LINES_MAX) {
          this.options.nodes.next();
          lines = 0;
        }
        await sleep(this.options.timers, backoff.next(error.nodes.length > 0 ? 0 : error.retryAfterMs));
      }
    }
    this.running = false;
  }

  /** A new connection on the same node, where the old one is of no use: if it does not come up, as after any loss. */
  async rebuild(): Promise<void> {
    if (this.running || this.options.isOver()) {
      return;
    }
    this.running = true;
    const rebuilt = await this.options.join("move").catch(() => false);
    this.running = false;
    if (!rebuilt) {
      await this.rejoin();
    }
  }

  /** To the first other node that takes us, `named` before all; false: none did, and we are where we were. */
  async move(named?: string): Promise<boolean> {
    if (this.running || this.options.isOver()) {
      return false;
    }
    this.running = true;
    const from = this.options.nodes.current;
    let moved = false;
    for (const node of this.options.nodes.others(named)) {
      this.options.nodes.use(node);
      moved = await this.options.join("move").catch(() => false);
      if (moved || this.options.isOver()) {
        break;
      }
      this.options.nodes.use(from);
    }
    this.running = false;
    return moved;
  }
}
