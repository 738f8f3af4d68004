/* microphone.ts - the microphone is open exactly while its person is on stage, and silent while muted.
 *
 * Asked for only on becoming a speaker (opening it switches a Bluetooth headset to its telephone sound),
 * stopped on leaving the stage. Muting disables the track at once, before the server has answered. */

import { microphoneError, VoiceroomError } from "./errors.js";
import type { MicrophoneOptions, Platform } from "./platform.js";

export type MicrophoneState = "off" | "asking" | "on" | "failed";

export interface MicrophoneStatus {
  state: MicrophoneState;
  /** Why it failed. */
  error?: VoiceroomError;
}

export class Microphone {
  private status: MicrophoneStatus = { state: "off" };
  private track: MediaStreamTrack | null = null;
  private wanted = false;
  private open = false;
  /* Grows with each wish, so that a permission given too late opens nothing. */
  private turn = 0;

  constructor(
    private readonly platform: Platform,
    private readonly onTrack: (track: MediaStreamTrack | null) => void,
    private readonly onStatus: (status: MicrophoneStatus) => void,
    private options: MicrophoneOptions = {},
  ) {}

  get current(): MediaStreamTrack | null {
    return this.track;
  }

  get state(): MicrophoneStatus {
    return this.status;
  }

  /** `wanted`: on stage; `open`: may be heard. */
  set(wanted: boolean, open: boolean): void {
    this.open = open;
    if (this.track) {
      this.track.enabled = open;
    }
    if (wanted === this.wanted) {
      return;
    }
    this.wanted = wanted;
    if (wanted) {
      void this.ask();
    } else {
      this.release();
    }
  }

  /** After a refusal, inside a gesture; or with another device. */
  async retry(options?: MicrophoneOptions): Promise<void> {
    this.options = options ?? this.options;
    if (this.wanted) {
      this.stopTrack();
      await this.ask();
    }
  }

  close(): void {
    this.wanted = false;
    this.release();
  }

  private async ask(): Promise<void> {
    this.turn += 1;
    const turn = this.turn;
    this.tell({ state: "asking" });
    try {
      const track = await this.platform.openMicrophone(this.options);
      if (turn !== this.turn) {
        track.stop();
        return;
      }
      this.adopt(track);
    } catch (cause) {
      if (turn === this.turn) {
        const insecure = cause instanceof Error && cause.name === "InsecureContextError";
        const error = insecure ? new VoiceroomError({ code: "client-insecure" }) : microphoneError(cause);
        this.tell({ state: "failed", error });
      }
    }
  }

  private adopt(track: MediaStreamTrack): void {
    track.enabled = this.open;
    track.onended = () => this.unplugged(track);
    this.track = track;
    this.onTrack(track);
    this.tell({ state: "on" });
  }

  /* The device went away: the next one, if there is any. */
  private unplugged(track: MediaStreamTrack): void {
    if (track === this.track) {
      this.stopTrack();
      void this.ask();
    }
  }

  private release(): void {
    this.turn += 1;
    const had = this.track !== null;
    this.stopTrack();
    if (had || this.status.state !== "off") {
      this.tell({ state: "off" });
    }
  }

  private stopTrack(): void {
    if (this.track) {
      this.track.onended = null;
      this.track.stop();
      this.track = null;
      this.onTrack(null);
    }
  }

  private tell(status: MicrophoneStatus): void {
    this.status = status;
    this.onStatus(status);
  }
}
