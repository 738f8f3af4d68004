/* mirror.ts - this client's copy of a room's state, kept true: events in order, digests compared, and a
 * snapshot asked for when something was missed. */

import { digestOf } from "./digest.js";
import type { RoomEvent, Snapshot } from "./protocol.js";
import { applyEvent, fromSnapshot } from "./state.js";
import type { RoomState } from "./state.js";

export interface MirrorOptions {
  /** ms, never going back. */
  now: () => number;
  askSnapshot: () => Promise<Snapshot>;
  onState: (state: RoomState) => void;
  /** This client's own number, once it has joined. */
  self?: () => number | undefined;
}

const SNAPSHOT_PAUSE_MS = 2_000;

export class Mirror {
  private current: RoomState | undefined;
  private asking = false;
  private askedAt = -Infinity;
  private trusted = true;

  constructor(private readonly options: MirrorOptions) {}

  get state(): RoomState {
    if (!this.current) {
      throw new Error("a room has no state before it was joined");
    }
    return this.current;
  }

  /** False when a snapshot did not match its own digest: then only gaps are trusted, else every digest
   *  would fetch a snapshot in vain. */
  get digestTrusted(): boolean {
    return this.trusted;
  }

  replace(snapshot: Snapshot): void {
    const state = fromSnapshot(snapshot);
    const known = this.current;
    if (known && state.epoch === known.epoch && state.sequence < known.sequence) {
      /* Overtaken by events that came while it was on its way. */
      return;
    }
    this.trusted = !snapshot.digest || digestOf(state) === snapshot.digest;
    this.set(state);
  }

  receive(event: RoomEvent): void {
    const step = applyEvent(this.state, event, this.options.self?.());
    if (step.verdict === "gap") {
      this.ask();
    } else if (step.state !== this.current) {
      this.set(step.state);
    }
    if (event.type === "room:digest") {
      this.compare(event.digest, event.epoch, event.sequence);
    }
  }

  private compare(digest: string, epoch: number, sequence: number): void {
    const samePlace = this.state.epoch === epoch && this.state.sequence === sequence;
    if (this.trusted && samePlace && digestOf(this.state) !== digest) {
      this.ask();
    }
  }

  /* One at a time and not too often: what is still missing then shows at the next event or digest. */
  private ask(): void {
    const now = this.options.now();
    if (this.asking || now - this.askedAt < SNAPSHOT_PAUSE_MS) {
      return;
    }
    this.asking = true;
    this.askedAt = now;
    this.options
      .askSnapshot()
      .then((snapshot) => this.replace(snapshot))
      .catch(() => {
        /* The connection went; coming back brings the whole state anyhow. */
      })
      .finally(() => {
        this.asking = false;
      });
  }

  private set(state: RoomState): void {
    this.current = state;
    this.options.onState(state);
  }
}
