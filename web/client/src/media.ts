/* media.ts - the sound of one room: the current peer, the microphone on it, who speaks, and getting the
 * connection back.
 *
 * Relays are told with each answer, before anything is gathered, so that the first connection has them too.
 *
 * Two ways back. An ICE restart keeps peer, keys and slots, and is tried first; it costs one request. A new
 * peer (by the room's rejoin) is for a server that has lost the old one, or a connection that failed. */

import { Microphone } from "./microphone.js";
import type { MicrophoneStatus } from "./microphone.js";
import { Peer } from "./peer.js";
import type { PeerState, PeerStats } from "./peer.js";
import { sleep } from "./platform.js";
import type { MicrophoneOptions, Platform } from "./platform.js";
import type { Prepared } from "./prepared.js";
import type { IceServer } from "./protocol.js";
import { levelFromDbov, SpeakingTracker } from "./speaking.js";
import type { Reading, SpeakingLevels } from "./speaking.js";
import { asVoiceroomError } from "./errors.js";

const POLL_MS = 100;
const DISCONNECTED_PATIENCE_MS = 2_000;
const RESTART_PATIENCE_MS = 4_000;
const MOVE_PATIENCE_MS = 5_000;
/* The relays' credentials are good for a while only: what is older than this is asked for anew. */
const RELAYS_GOOD_MS = 600_000;
/* A path on which nothing came for so long is no path: a talker's packets come fifty times a second, checks every 2.5 s. */
const ALIVE_MS = 2_600;

export interface MediaOptions {
  platform: Platform;
  slots: number;
  microphone: MicrophoneOptions;
  prepared?: Prepared | undefined;
  /** Of people who are not as loud as the others for us. */
  volumes: ReadonlyMap<number, number>;
  /** One ICE restart: our new offer to the server, its answer back. */
  exchange: (offer: string) => Promise<string>;
  /** Relays with credentials that are good now. */
  relays: () => Promise<IceServer[]>;
  /** Nothing but a new peer helps. */
  onLost: () => void;
  onState: (state: PeerState) => void;
  onSpeaking: (levels: SpeakingLevels) => void;
  /** What is played, ten times a second. */
  onHeard?: (readings: readonly Reading[]) => void;
  onMicrophone: (status: MicrophoneStatus) => void;
  onAudioBlocked: () => void;
}

export class Media {
  readonly microphone: Microphone;
  private peer: Peer | undefined;
  private self = 0;
  private iceServers: IceServer[] = [];
  private toldAt = -Infinity;
  private arrived = { peer: undefined as Peer | undefined, count: 0, at: -Infinity };
  private volume = 1;
  private heardLevel = 0;
  private restarting = false;
  private readonly tracker = new SpeakingTracker();
  private stopPoll: () => void = () => {};
  private stopPatience: () => void = () => {};

  constructor(private readonly options: MediaOptions) {
    this.microphone = new Microphone(
      options.platform,
      (track) => void this.peer?.setTrack(track).catch(() => options.onLost()),
      options.onMicrophone,
      options.microphone,
    );
  }

  get state(): PeerState {
    return this.peer?.state ?? "new";
  }

  get speaking(): SpeakingLevels {
    return this.tracker.now;
  }

  /** A peer with its offer, not yet in use: the old one plays on until adopt(). The first may have been made beforehand. */
  async prepare(): Promise<{ peer: Peer; offer: string }> {
    const { platform, slots } = this.options;
    const ready = this.peer ? undefined : await this.options.prepared?.take(slots);
    if (ready?.relays) {
      this.told(ready.relays);
    }
    const peer = ready?.peer ?? new Peer({ platform, iceServers: this.iceServers, slots });
    peer.serve({
      volumeOf: (participant) => this.options.volumes.get(participant) ?? 1,
      onState: (state) => peer === this.peer && this.changed(state),
      onAudioBlocked: () => this.options.onAudioBlocked(),
    });
    try {
      return { peer, offer: ready?.offer ?? (await peer.offer()) };
    } catch (cause) {
      peer.close();
      throw cause;
    }
  }

  /** During a request with its offer `peer` goes as far as it can without the answer. Where relays are, or may be, it does not:
   *  what is gathered without them is not gathered again, and those of the answer are the ones that the relay's log is matched by. */
  during<T>(request: Promise<T>, peer: Peer): Promise<T> {
    if (this.iceServers.length === 0 && this.relaysKnown()) {
      peer.begin();
    }
    return request;
  }

  /** The server answered: this peer is the one from now on. */
  async adopt(peer: Peer, answer: string, self: number, iceServers: IceServer[]): Promise<void> {
    const old = this.peer;
    this.peer = peer;
    this.self = self;
    this.told(iceServers);
    peer.setVolume(this.volume);
    await peer.answer(answer, iceServers);
    old?.close();
    await peer.setTrack(this.microphone.current);
    this.stopPoll();
    this.poll();
  }

  /** As adopt, but the old peer plays until the new one is up; false: it did not come up, and nothing has changed. */
  async move(peer: Peer, answer: string, self: number, iceServers: IceServer[]): Promise<boolean> {
    peer.setVolume(0);
    await peer.answer(answer, iceServers);
    await peer.setTrack(this.microphone.current);
    if (!(await peer.up(MOVE_PATIENCE_MS))) {
      peer.close();
      return false;
    }
    const old = this.peer;
    this.stopPatience();
    this.peer = peer;
    this.self = self;
    this.told(iceServers);
    peer.setVolume(this.volume);
    await peer.setTrack(this.microphone.current);
    old?.close();
    this.options.onState(peer.state);
    return true;
  }

  /** Whom the server hears: for the own ring where the browser does not measure its microphone (Firefox). */
  heard(speakers: readonly { participant: number; level: number }[]): void {
    const own = speakers.find((speaker) => speaker.participant === this.self);
    this.heardLevel = own ? levelFromDbov(own.level) : 0;
  }

  setVolume(volume: number): void {
    this.volume = volume;
    this.peer?.setVolume(volume);
  }

  playAll(): Promise<void> {
    return this.peer?.playAll() ?? Promise.resolve();
  }

  /** The network changed or the page came back: a path that died silently is not waited for. */
  wake(why: "network" | "visible"): void {
    const state = this.state;
    if (state === "failed") {
      this.options.onLost();
    } else if (why === "network" || state === "disconnected") {
      void this.restart();
    }
  }

  /** The server has found that sound goes one way only, whatever this browser believes. */
  repair(): Promise<void> {
    return this.restart();
  }

  /** Whether anything still comes over the path since the last time this was asked. The first question only begins to count. */
  async alive(): Promise<boolean> {
    const peer = this.peer;
    const count = peer?.state === "connected" ? await peer.stats().then((stats) => stats.arrived, () => 0) : 0;
    const now = this.options.platform.timers.now();
    if (peer !== this.arrived.peer) {
      this.arrived = { peer, count, at: -Infinity };
    } else if (count > this.arrived.count) {
      this.arrived = { peer, count, at: now };
    }
    return now - this.arrived.at <= ALIVE_MS;
  }

  async stats(): Promise<PeerStats | null> {
    return (await this.peer?.stats()) ?? null;
  }

  async rawStats(): Promise<RTCStatsReport | null> {
    return (await this.peer?.rawStats()) ?? null;
  }

  close(): void {
    this.stopPoll();
    this.stopPatience();
    this.microphone.close();
    this.peer?.close();
    this.peer = undefined;
  }

  private changed(state: PeerState): void {
    this.stopPatience();
    this.options.onState(state);
    if (state === "failed") {
      this.options.onLost();
    } else if (state === "disconnected") {
      this.stopPatience = this.options.platform.timers.after(DISCONNECTED_PATIENCE_MS, () => void this.restart());
    }
  }

  private async restart(): Promise<void> {
    const peer = this.peer;
    if (!peer || this.restarting) {
      return;
    }
    this.restarting = true;
    try {
      await this.freshRelays(peer);
      await peer.answer(await this.options.exchange(await peer.offer(true)));
      await sleep(this.options.platform.timers, RESTART_PATIENCE_MS);
      if (peer === this.peer && peer.state !== "connected") {
        this.options.onLost();
      }
    } catch (cause) {
      if (peer === this.peer) {
        this.restartFailed(peer, asVoiceroomError(cause).retryable);
      }
    } finally {
      this.restarting = false;
    }
  }

  private told(iceServers: IceServer[]): void {
    this.iceServers = iceServers;
    this.toldAt = this.options.platform.timers.now();
  }

  private relaysKnown(): boolean {
    return this.options.platform.timers.now() - this.toldAt <= RELAYS_GOOD_MS;
  }

  private async freshRelays(peer: Peer): Promise<void> {
    if (this.iceServers.length > 0 && !this.relaysKnown()) {
      await this.options.relays().then((servers) => this.told(servers), () => {});
    }
    peer.useServers(this.iceServers);
  }

  /* Not reached: the network is still away, try again soon. Refused: the server has no such session's media. */
  private restartFailed(peer: Peer, retryable: boolean): void {
    if (!retryable) {
      this.options.onLost();
    } else if (peer.state !== "connected") {
      this.stopPatience = this.options.platform.timers.after(1_000, () => void this.restart());
    }
  }

  private poll(): void {
    this.stopPoll = this.options.platform.timers.after(POLL_MS, () => {
      void this.look().finally(() => this.peer && this.poll());
    });
  }

  private async look(): Promise<void> {
    const peer = this.peer;
    if (!peer) {
      return;
    }
    const now = this.options.platform.timers.now();
    const readings: Reading[] = peer.readings();
    this.options.onHeard?.([...readings]);
    if (this.microphone.current?.enabled) {
      const own = (await peer.ownLevel().catch(() => null)) ?? this.heardLevel;
      readings.push({ participant: this.self, level: own, timestamp: now });
    }
    const levels = this.tracker.update(now, readings);
    if (levels && peer === this.peer) {
      this.options.onSpeaking(levels);
    }
  }
}
