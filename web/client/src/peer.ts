/* peer.ts - one RTCPeerConnection with a server: one sending section, N receiving slots, one exchange.
 *
 * The sending section is offered without a track, so nobody is asked for a microphone who only listens;
 * becoming a speaker is a replaceTrack. The server never offers. */

import { VoiceroomError } from "./errors.js";
import type { AudioOutput, Platform } from "./platform.js";
import type { IceServer } from "./protocol.js";
import type { Reading } from "./speaking.js";

export type PeerState = "new" | "connecting" | "connected" | "disconnected" | "failed" | "closed";

export interface PeerOptions {
  platform: Platform;
  iceServers: IceServer[];
  slots: number;
}

/** Whom a peer serves: told to it when it comes into use, which may be long after it was made. */
export interface PeerUser {
  /** How loud a person is for us, 0..1, on top of setVolume. */
  volumeOf?: (participant: number) => number;
  onState: (state: PeerState) => void;
  /** Sound is there, but the page may not play it without a gesture. */
  onAudioBlocked: () => void;
}

export interface PeerStats {
  roundTripMs: number | null;
  packetsReceived: number;
  packetsLost: number;
  packetsSent: number;
  jitterMs: number;
  concealed: number;
  samples: number;
  /** From the server's sending, by the clock of its sender reports, to playing; null: not known here. */
  latencyMs: number | null;
  /** What waits between the decoder and the loudspeaker, over the whole connection; 0: the browser does not tell. */
  playoutMs: number;
  /** Everything that came over the path, speech or not: while it grows, somebody is at the other end. */
  arrived: number;
}

export class Peer {
  private readonly connection: RTCPeerConnection;
  private readonly sender: RTCRtpTransceiver;
  private readonly outputs = new Map<MediaStreamTrack, AudioOutput>();
  private volume = 1;
  private closed = false;
  /* What the sender was told last: the connection's own word for it comes late. */
  private track: MediaStreamTrack | null = null;
  /* Not set as ours before begin() or its answer: till then nothing is gathered, and nothing has to be taken back. */
  private offered: RTCSessionDescriptionInit | undefined;
  private begun: Promise<void> | undefined;
  private onUp: (() => void) | undefined;
  private user: PeerUser | undefined;

  constructor(private readonly options: PeerOptions) {
    try {
      this.connection = options.platform.createPeer({ iceServers: options.iceServers, bundlePolicy: "max-bundle" });
    } catch (cause) {
      throw new VoiceroomError({ code: "client-no-webrtc", detail: String(cause) });
    }
    this.connection.onconnectionstatechange = () => this.report();
    this.connection.ontrack = (event) => this.hear(event.track);
    this.sender = this.connection.addTransceiver("audio", { direction: "sendonly" });
    this.preferRed();
    for (let slot = 0; slot < options.slots; slot += 1) {
      this.connection.addTransceiver("audio", { direction: "recvonly" });
    }
  }

  get state(): PeerState {
    return this.closed ? "closed" : this.connection.connectionState;
  }

  serve(user: PeerUser): void {
    this.user = user;
  }

  /** No gathering is waited for: the server learns our address from our first check. */
  async offer(iceRestart = false): Promise<string> {
    this.offered = await this.connection.createOffer({ iceRestart });
    return this.offered.sdp ?? "";
  }

  /** The last offer becomes ours while its answer is on the way. Only for who knows all relays: gathering begins with it. */
  begin(): void {
    if (!this.closed && this.offered && !this.begun) {
      this.begun = this.connection.setLocalDescription(this.offered);
      this.begun.catch(() => {}); /* said by answer(), if it comes to that */
    }
  }

  /** The server's answer to the last offer, and the relays that it told with it: known before anything is gathered. */
  async answer(sdp: string, iceServers: IceServer[] = []): Promise<void> {
    if (this.closed || !this.offered) {
      return;
    }
    this.useServers(iceServers);
    this.begin();
    await this.begun;
    this.offered = undefined;
    this.begun = undefined;
    await this.connection.setRemoteDescription({ type: "answer", sdp });
  }

  /** Relays for what is gathered from now on. A peer of another make that can't change them keeps what it has. */
  useServers(iceServers: IceServer[]): void {
    if (!this.closed && iceServers.length > 0 && typeof this.connection.setConfiguration === "function") {
      this.connection.setConfiguration({ ...this.connection.getConfiguration?.(), iceServers });
    }
  }

  /* To be told what is so already costs a listener's join some 8 ms (Chromium). */
  async setTrack(track: MediaStreamTrack | null): Promise<void> {
    if (!this.closed && track !== this.track) {
      this.track = track;
      await this.sender.sender.replaceTrack(track);
    }
  }

  setVolume(volume: number): void {
    this.volume = volume;
    for (const output of this.outputs.values()) {
      output.setVolume(volume);
    }
  }

  /** Call inside a gesture after onAudioBlocked. */
  async playAll(): Promise<void> {
    await Promise.all([...this.outputs.values()].map((output) => output.play()));
  }

  /** Who is in each slot now, made as loud as that person is wanted: of each receiver the source with the newest timestamp (old ones stay 10 s). */
  readings(): Reading[] {
    const readings: Reading[] = [];
    for (const receiver of this.connection.getReceivers()) {
      let newest: RTCRtpContributingSource | undefined;
      for (const source of receiver.getContributingSources?.() ?? []) {
        if (!newest || source.timestamp > newest.timestamp) {
          newest = source;
        }
      }
      if (newest) {
        this.outputs.get(receiver.track)?.setVolume(this.volume * (this.user?.volumeOf?.(newest.source) ?? 1));
        const { source: participant, audioLevel, timestamp } = newest;
        readings.push({ participant, level: audioLevel ?? 0.1, timestamp, played: playedOf(receiver, newest) });
      }
    }
    return readings;
  }

  /** Level of the own microphone 0..1 as the browser measures it; null while nothing is sent. */
  async ownLevel(): Promise<number | null> {
    if (this.closed || !this.sender.sender.track) {
      return null;
    }
    for (const entry of (await this.sender.sender.getStats()).values()) {
      if (entry.type === "media-source") {
        return typeof entry.audioLevel === "number" ? entry.audioLevel : null;
      }
    }
    return null;
  }

  async stats(): Promise<PeerStats> {
    const sum: PeerStats = {
      roundTripMs: null, packetsReceived: 0, packetsLost: 0, packetsSent: 0, jitterMs: 0, concealed: 0, samples: 0,
      latencyMs: null, playoutMs: 0, arrived: 0,
    };
    const report = await this.connection.getStats();
    for (const entry of report.values()) {
      if (entry.type === "inbound-rtp") {
        sum.packetsReceived += entry.packetsReceived ?? 0;
        sum.packetsLost += entry.packetsLost ?? 0;
        sum.jitterMs = Math.max(sum.jitterMs, (entry.jitter ?? 0) * 1000);
        sum.concealed += (entry.concealedSamples ?? 0) - (entry.silentConcealedSamples ?? 0);
        sum.samples += entry.totalSamplesReceived ?? 0;
      } else if (entry.type === "outbound-rtp") {
        sum.packetsSent += entry.packetsSent ?? 0;
      } else if (entry.type === "candidate-pair" && entry.nominated) {
        sum.roundTripMs = entry.currentRoundTripTime === undefined ? sum.roundTripMs : entry.currentRoundTripTime * 1000;
        sum.arrived += (entry.bytesReceived ?? 0) + (entry.responsesReceived ?? 0) + (entry.requestsReceived ?? 0);
      }
    }
    sum.playoutMs = playoutOf([...report.values()]) * 1000;
    sum.latencyMs = latencyOf([...report.values()], sum.roundTripMs);
    return sum;
  }

  /** Resolves true once sound can flow; false: it failed, or not within `ms`. */
  up(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.state === "connected" || this.state === "failed" || this.state === "closed") {
          stopTimer();
          this.onUp = undefined;
          resolve(this.state === "connected");
        }
      };
      const stopTimer = this.options.platform.timers.after(ms, () => {
        this.onUp = undefined;
        resolve(this.state === "connected");
      });
      this.onUp = look;
      look();
    });
  }

  rawStats(): Promise<RTCStatsReport> {
    return this.connection.getStats();
  }

  close(): void {
    if (this.closed) {
      return;
    }
    this.closed = true;
    this.connection.onconnectionstatechange = null;
    this.connection.ontrack = null;
    for (const output of this.outputs.values()) {
      output.close();
    }
    this.connection.close();
  }

  /* RED is sent only when it stands first. A server that does not take it leaves it out of its answer. */
  private preferRed(): void {
    const codecs = this.options.platform.audioCodecs();
    const red = codecs.filter((codec) => codec.mimeType.toLowerCase() === "audio/red");
    if (red.length === 0 || !this.sender.setCodecPreferences) {
      return;
    }
    try {
      this.sender.setCodecPreferences([...red, ...codecs.filter((codec) => !red.includes(codec))]);
    } catch {
      /* A browser that refuses the order sends plain Opus: worse under loss, never silent. */
    }
  }

  private hear(track: MediaStreamTrack): void {
    const output = this.options.platform.createAudio(track);
    output.setVolume(this.volume);
    this.outputs.set(track, output);
    output.play().catch((cause: unknown) => {
      if (!this.closed && cause instanceof Error && cause.name === "NotAllowedError") {
        this.user?.onAudioBlocked();
      }
    });
  }

  private report(): void {
    if (!this.closed) {
      this.onUp?.();
      this.user?.onState(this.connection.connectionState);
    }
  }
}

/* Chromium stamps a packet's sources alike, when it is played. Firefox (153) has two stamps for one packet, some 80 ms apart,
 * and neither is when it is played: of those no figure is made. */
function playedOf(receiver: RTCRtpReceiver, speaker: RTCRtpContributingSource): Reading["played"] {
  const slot = receiver.getSynchronizationSources?.()[0];
  const same = slot?.rtpTimestamp !== undefined && slot.rtpTimestamp === speaker.rtpTimestamp && Math.abs(slot.timestamp - speaker.timestamp) < 1;
  return same ? { ssrc: slot.source, rtp: slot.rtpTimestamp, at: slot.timestamp } : undefined;
}

/* Where the browser tells the server's time of the sound that it plays: a sender report says what time it was at the
 * server when it was sent, half a round trip later it is here. Elsewhere: half a round trip, what waits in the jitter
 * buffers, and what waits to be played. */
function latencyOf(entries: readonly Record<string, unknown>[], roundTripMs: number | null): number | null {
  if (roundTripMs === null) {
    return null;
  }
  const number = (entry: Record<string, unknown>, name: string) => (typeof entry[name] === "number" ? entry[name] : NaN);
  const inbound = entries.filter((entry) => entry.type === "inbound-rtp" && number(entry, "packetsReceived") > 0);
  const report = entries.find((entry) => entry.type === "remote-outbound-rtp" && number(entry, "remoteTimestamp") > 0);
  if (report) {
    const offset = number(report, "timestamp") - roundTripMs / 2 - number(report, "remoteTimestamp");
    const late = inbound.map((entry) => number(entry, "timestamp") - offset - number(entry, "estimatedPlayoutTimestamp"));
    const known = late.filter((ms) => Number.isFinite(ms) && ms >= 0 && ms < 10_000);
    if (known.length > 0) {
      return Math.min(...known);
    }
  }
  const sum = (name: string, type: string) =>
    entries.filter((entry) => entry.type === type).reduce((all, entry) => all + (number(entry, name) || 0), 0);
  const emitted = sum("jitterBufferEmittedCount", "inbound-rtp");
  const waiting = sum("jitterBufferDelay", "inbound-rtp") / emitted + playoutOf(entries);
  return emitted > 0 ? roundTripMs / 2 + waiting * 1000 : null;
}

/* Seconds that sound waits to be played. */
function playoutOf(entries: readonly Record<string, unknown>[]): number {
  const playout = entries.find((entry) => entry.type === "media-playout");
  const [delay, count] = [playout?.totalPlayoutDelay, playout?.totalSamplesCount];
  return typeof delay === "number" && typeof count === "number" && count > 0 ? delay / count : 0;
}

/** Capabilities that a join names, for what this browser can do. */
export function capabilitiesOf(platform: Platform): string[] {
  const red = platform.audioCodecs().some((codec) => codec.mimeType.toLowerCase() === "audio/red");
  return red ? ["red", "pack60"] : ["pack60"];
}
