/* fake-platform.ts - a world for tests: time that moves by hand, sockets and requests that a test answers. */

import type { AudioOutput, MicrophoneOptions, Platform, Socket, Timers } from "../platform.js";
import type { Hand, JoinAnswer, Participant, RoomInfo, Snapshot } from "../protocol.js";
import { digestOf } from "../digest.js";
import { fromSnapshot } from "../state.js";

export class FakeTimers implements Timers {
  private time = 0;
  private jobs: { at: number; run: () => void }[] = [];

  now(): number {
    return this.time;
  }

  after(ms: number, run: () => void): () => void {
    const job = { at: this.time + ms, run };
    this.jobs.push(job);
    return () => {
      this.jobs = this.jobs.filter((other) => other !== job);
    };
  }

  /** Move on, running what falls due in order, promises in between. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    await settle();
    for (;;) {
      const next = this.jobs.filter((job) => job.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) {
        break;
      }
      this.jobs = this.jobs.filter((job) => job !== next);
      this.time = Math.max(this.time, next.at);
      next.run();
      await settle();
    }
    this.time = end;
  }
}

/** Let every promise that can go on go on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) {
    await Promise.resolve();
  }
}

export class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  readonly sent: Record<string, unknown>[] = [];
  closed: number | undefined;

  constructor(
    readonly url: string,
    readonly protocol: string,
  ) {}

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(code?: number): void {
    this.closed = code ?? 1000;
  }

  get last(): Record<string, unknown> {
    return this.sent[this.sent.length - 1]!;
  }

  open(): void {
    this.onopen?.();
  }

  say(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  answer(result: object = {}): void {
    this.say({ type: this.last.type, id: this.last.id, ok: true, result });
  }

  refuse(code: string, detail = "", retry_after_ms = 0): void {
    this.say({ type: "room:error", id: this.last.id, request: this.last.type, code, detail, retry_after_ms });
  }

  drop(code = 1006): void {
    this.onclose?.({ code, reason: "" });
  }
}

export class FakeTrack {
  enabled = true;
  stopped = false;
  onended: (() => void) | null = null;

  stop(): void {
    this.stopped = true;
  }
}

/** As much of an RTCPeerConnection as peer.ts touches. */
export class FakePeer {
  connectionState: RTCPeerConnectionState = "new";
  signalingState = "stable";
  onconnectionstatechange: (() => void) | null = null;
  ontrack: ((event: { track: unknown }) => void) | null = null;
  localDescription: { sdp: string } | null = null;
  readonly directions: string[] = [];
  readonly tracks: unknown[] = [];
  offers = 0;
  restarts = 0;
  remote = "";
  relays: unknown = undefined;
  /** In the order in which they came. */
  readonly calls: string[] = [];
  /** Of what the path brings, as getStats tells it. */
  bytesReceived = 0;

  addTransceiver(_kind: string, init: { direction: string }) {
    this.directions.push(init.direction);
    const tracks = this.tracks;
    return {
      setCodecPreferences() {},
      sender: {
        track: null,
        async replaceTrack(track: unknown) {
          tracks.push(track);
        },
        async getStats() {
          return new Map();
        },
      },
    };
  }

  getReceivers() {
    return [];
  }

  async createOffer(options: { iceRestart?: boolean }) {
    this.offers += 1;
    this.restarts += options.iceRestart ? 1 : 0;
    return { type: "offer", sdp: `offer ${this.offers}` };
  }

  setConfiguration(config: { iceServers?: unknown }) {
    this.calls.push("setConfiguration");
    this.relays = config.iceServers;
  }

  async getStats() {
    return new Map([["pair", { type: "candidate-pair", nominated: true, bytesReceived: this.bytesReceived }]]);
  }

  async setLocalDescription(description: { sdp?: string }) {
    this.calls.push("setLocalDescription");
    this.localDescription = { sdp: description.sdp ?? "" };
  }

  async setRemoteDescription(description: { sdp: string }) {
    this.calls.push("setRemoteDescription");
    this.remote = description.sdp;
  }

  close(): void {
    this.connectionState = "closed";
  }

  become(state: RTCPeerConnectionState): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

export interface FakeRequest {
  method: string;
  path: string;
  body: string;
  headers: Record<string, string>;
}

export class FakePlatform implements Platform {
  readonly timers = new FakeTimers();
  readonly sockets: FakeSocket[] = [];
  readonly peers: FakePeer[] = [];
  readonly requests: FakeRequest[] = [];
  readonly microphones: FakeTrack[] = [];
  /** What the server says to a request; throw for "not reached". */
  respond: (request: FakeRequest) => Response | Promise<Response> = () => {
    throw new TypeError("Failed to fetch");
  };
  openMicrophone: (options: MicrophoneOptions) => Promise<MediaStreamTrack> = async () => {
    const track = new FakeTrack();
    this.microphones.push(track);
    return track as unknown as MediaStreamTrack;
  };
  wake: (why: "network" | "visible") => void = () => {};

  random(): number {
    return 0.5;
  }

  async fetch(url: string, init: RequestInit): Promise<Response> {
    const request = {
      method: init.method ?? "GET",
      path: url.replace("http://server", ""),
      body: String(init.body ?? ""),
      headers: init.headers as Record<string, string>,
    };
    this.requests.push(request);
    return this.respond(request);
  }

  openSocket(url: string, protocol: string): Socket {
    const socket = new FakeSocket(url, protocol);
    this.sockets.push(socket);
    return socket;
  }

  get socket(): FakeSocket {
    return this.sockets[this.sockets.length - 1]!;
  }

  createPeer(config?: RTCConfiguration): RTCPeerConnection {
    const peer = new FakePeer();
    peer.relays = config?.iceServers;
    this.peers.push(peer);
    return peer as unknown as RTCPeerConnection;
  }

  get peer(): FakePeer {
    return this.peers[this.peers.length - 1]!;
  }

  audioCodecs(): RTCRtpCodec[] {
    return [
      { mimeType: "audio/opus", clockRate: 48000 },
      { mimeType: "audio/red", clockRate: 48000 },
    ];
  }

  createAudio(): AudioOutput {
    return { play: async () => {}, setVolume() {}, close() {} };
  }

  onWake(run: (why: "network" | "visible") => void): () => void {
    this.wake = run;
    return () => {};
  }
}

export function json(status: number, value: object, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(value), { status, headers });
}

export function problem(status: number, code: string, headers: Record<string, string> = {}): Response {
  return json(status, { title: code, status, code, detail: `${code} happened` }, headers);
}

export function aRoom(fields: Partial<RoomInfo> = {}): RoomInfo {
  return {
    id: "01room", title: "Oak", topic: "", description: "", language: "", tags: [], visibility: "public",
    phase: "active", locked: false, has_passcode: false, capacity: 1000, speaker_capacity: 50, slow_hand_s: 0,
    entry: "listen", created_at: "2026-11-22T16:00:00Z", starts_at: null, started_at: null, ended_at: null,
    end_reason: null, host: { participant: 1, name: "Ana" }, revision: 3,
    counts: { participants: 0, speakers: 0, listeners: 0, hands: 0 }, on_stage: [],
    ...fields,
  };
}

export function aPerson(participant: number, fields: Partial<Participant> = {}): Participant {
  return {
    participant, name: `Person ${participant}`, role: "listener", creator: false, guest: true, muted: false,
    muted_by_self: false, muted_by_moderator: false, mute_version: 0, state: "live", hand: null, invited: false,
    joined_at: "2026-11-22T16:00:00Z",
    ...fields,
  };
}

export function aHand(participant: number, position: number): Hand {
  return { participant, name: `Person ${participant}`, position, raised_at: "2026-11-22T16:01:00Z" };
}

/** With the digest that belongs to it. */
export function aSnapshot(people: Participant[], fields: Partial<Snapshot> = {}): Snapshot {
  const snapshot = { room: aRoom(), participants: people, hands: [], epoch: 1, sequence: 10, digest: "", ...fields };
  return { ...snapshot, digest: fields.digest ?? digestOf(fromSnapshot(snapshot)) };
}

export function aJoinAnswer(self: number, state: Snapshot, fields: Partial<JoinAnswer> = {}): JoinAnswer {
  return {
    protocol: 1, node: "n1", nodes: [], epoch: state.epoch, sequence: state.sequence, digest: state.digest,
    session: "01session", generation: 1, participant: self, role: "listener", resume_token: "resume-1",
    ice_servers: [], slots: [], capabilities: [], sdp: "answer", state,
    ...fields,
  };
}
