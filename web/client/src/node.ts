/* node.ts - a Platform for programs without a browser: "@voicerooms/client/node".
 *
 * Node has no WebRTC, so sound is a plug: hand in `createPeer` of a WebRTC library whose objects are shaped as a
 * browser's, and `openMicrophone` of whatever makes sound. Without them the client is signalling only: it offers as a
 * browser does, so that the server lets it in, and no packet follows. The server drops such a session's media after
 * 15 s and the client comes back by itself; for bots that moderate, count or write that is no loss.
 *
 * Needs `fetch` and `WebSocket`: Node 22, or Node 20 with --experimental-websocket. */

import { VoiceroomError } from "./errors.js";
import type { AudioOutput, MicrophoneOptions, Platform, Socket } from "./platform.js";

export interface NodePlatformOptions {
  createPeer?: (config: RTCConfiguration) => RTCPeerConnection;
  openMicrophone?: (options: MicrophoneOptions) => Promise<MediaStreamTrack>;
  createAudio?: (track: MediaStreamTrack) => AudioOutput;
}

export interface NodePlatform extends Platform {
  /** Every socket breaks off without a word, as when a cable is pulled: for tests. */
  cut(): void;
}

export function nodePlatform(options: NodePlatformOptions = {}): NodePlatform {
  const sockets = new Set<NodeSocket>();
  return {
    timers: {
      now: () => performance.now(),
      after(ms, run) {
        const id = setTimeout(run, ms);
        return () => clearTimeout(id);
      },
    },
    random: Math.random,
    fetch: (url, init) => fetch(url, init),
    openSocket(url, protocol) {
      const socket = new NodeSocket(url, protocol, () => sockets.delete(socket));
      sockets.add(socket);
      return socket;
    },
    createPeer: options.createPeer ?? (() => new SilentPeer() as unknown as RTCPeerConnection),
    audioCodecs: () => [],
    openMicrophone:
      options.openMicrophone ??
      (() => Promise.reject(new VoiceroomError({ code: "client-microphone-missing", detail: "no source of sound was plugged in" }))),
    createAudio: options.createAudio ?? (() => ({ play: async () => {}, setVolume() {}, close() {} })),
    onWake: () => () => {},
    cut: () => [...sockets].forEach((socket) => socket.cut()),
  };
}

class NodeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  private readonly socket: WebSocket;

  constructor(url: string, protocol: string, gone: () => void) {
    this.socket = new WebSocket(url, protocol);
    this.socket.onopen = () => this.onopen?.();
    this.socket.onmessage = (event) => this.onmessage?.({ data: event.data });
    this.socket.onerror = () => this.onerror?.();
    this.socket.onclose = (event) => {
      gone();
      this.onclose?.({ code: event.code, reason: event.reason });
    };
  }

  send(text: string): void {
    this.socket.send(text);
  }

  close(code = 1000): void {
    this.socket.close(code === 1000 || code >= 3000 ? code : 1000);
  }

  cut(): void {
    const told = this.onclose;
    this.onopen = this.onmessage = this.onclose = this.onerror = null;
    this.socket.close();
    told?.({ code: 1006, reason: "" });
  }
}

/** An RTCPeerConnection as far as the library touches one, that offers and answers but never connects. */
class SilentPeer {
  connectionState: RTCPeerConnectionState = "new";
  signalingState = "stable";
  onconnectionstatechange: (() => void) | null = null;
  ontrack: (() => void) | null = null;
  localDescription: { sdp: string } | null = null;
  private readonly directions: string[] = [];
  private readonly secrets = { ufrag: randomHex(4), password: randomHex(16), fingerprint: randomHex(32) };

  addTransceiver(_kind: string, init: { direction: string }): object {
    this.directions.push(init.direction);
    return {
      setCodecPreferences() {},
      sender: { track: null, replaceTrack: async () => {}, getStats: async () => new Map() },
    };
  }

  getReceivers(): [] {
    return [];
  }

  async getStats(): Promise<Map<string, object>> {
    return new Map();
  }

  async createOffer(): Promise<{ type: "offer"; sdp: string }> {
    return { type: "offer", sdp: silentOffer(this.directions, this.secrets) };
  }

  async setLocalDescription(description: { sdp?: string }): Promise<void> {
    this.localDescription = { sdp: description.sdp ?? "" };
  }

  async setRemoteDescription(): Promise<void> {}

  close(): void {
    this.connectionState = "closed";
  }
}

/** The offer of docs/protocol.md "Join": one sending section without a track, and the receiving ones. */
function silentOffer(directions: readonly string[], secrets: { ufrag: string; password: string; fingerprint: string }): string {
  const fingerprint = secrets.fingerprint.toUpperCase().replace(/..(?!$)/g, "$&:");
  const section = (direction: string, mid: number) => [
    "m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", `a=ice-ufrag:${secrets.ufrag}`, `a=ice-pwd:${secrets.password}`,
    `a=fingerprint:sha-256 ${fingerprint}`, "a=setup:actpass", `a=mid:${mid}`,
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level", "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
    `a=${direction}`, "a=rtcp-mux", "a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1",
  ];
  return [
    "v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", `a=group:BUNDLE ${directions.map((_, mid) => mid).join(" ")}`,
    ...directions.flatMap(section), "",
  ].join("\r\n");
}

function randomHex(bytes: number): string {
  return [...crypto.getRandomValues(new Uint8Array(bytes))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
