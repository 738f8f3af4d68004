/* platform.ts - everything of the outside world that the library uses, in one small interface.
 *
 * A browser's is made by browserPlatform(); tests and native shells hand in their own. */

export interface Timers {
  /** ms, any origin, never going back. */
  now(): number;
  after(ms: number, run: () => void): () => void;
}

export interface Socket {
  send(text: string): void;
  close(code?: number, reason?: string): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: (() => void) | null;
}

/** One remote voice stream made audible. */
export interface AudioOutput {
  /** Rejects while the page may not play sound (no gesture yet). */
  play(): Promise<void>;
  setVolume(volume: number): void;
  close(): void;
}

export interface MicrophoneOptions {
  deviceId?: string;
  echoCancellation?: boolean;
  noiseSuppression?: boolean;
  autoGainControl?: boolean;
}

export interface Platform {
  timers: Timers;
  random(): number;
  fetch(url: string, init: RequestInit): Promise<Response>;
  openSocket(url: string, protocol: string): Socket;
  /** Throws where WebRTC is missing. */
  createPeer(config: RTCConfiguration): RTCPeerConnection;
  /** Audio codecs that can be put in an order of preference; empty where the browser has no say in it. */
  audioCodecs(): RTCRtpCodec[];
  openMicrophone(options: MicrophoneOptions): Promise<MediaStreamTrack>;
  createAudio(track: MediaStreamTrack): AudioOutput;
  /** The network came back or changed, or the page returned to the foreground. */
  onWake(run: (why: "network" | "visible") => void): () => void;
}

const browserTimers: Timers = {
  now: () => performance.now(),
  after(ms, run) {
    const id = setTimeout(run, ms);
    return () => clearTimeout(id);
  },
};

function createPeer(config: RTCConfiguration): RTCPeerConnection {
  if (typeof RTCPeerConnection === "undefined") {
    throw new DOMException("RTCPeerConnection is missing", "NotSupportedError");
  }
  return new RTCPeerConnection(config);
}

function audioCodecs(): RTCRtpCodec[] {
  const canPrefer = typeof RTCRtpTransceiver !== "undefined" && "setCodecPreferences" in RTCRtpTransceiver.prototype;
  return canPrefer ? (RTCRtpSender.getCapabilities("audio")?.codecs ?? []) : [];
}

async function openMicrophone(options: MicrophoneOptions): Promise<MediaStreamTrack> {
  if (!navigator.mediaDevices) {
    throw new DOMException("microphones need https or localhost", "InsecureContextError");
  }
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: {
      deviceId: options.deviceId,
      echoCancellation: options.echoCancellation ?? true,
      noiseSuppression: options.noiseSuppression ?? true,
      autoGainControl: options.autoGainControl ?? true,
      channelCount: 1,
    },
  });
  return stream.getAudioTracks()[0]!;
}

/* One element for each slot: an element plays one audio track of its stream only (Chromium). */
function createAudio(track: MediaStreamTrack): AudioOutput {
  const element = new Audio();
  element.autoplay = true;
  element.srcObject = new MediaStream([track]);
  return {
    play: () => element.play(),
    setVolume(volume) {
      element.volume = Math.min(1, Math.max(0, volume));
    },
    close() {
      element.pause();
      element.srcObject = null;
    },
  };
}

/* `change` of the connection also fires for every new estimate of its speed: only another kind of network
 * (wifi, cellular) is a change of path. */
function onWake(run: (why: "network" | "visible") => void): () => void {
  const connection = (navigator as { connection?: EventTarget & { type?: string } }).connection;
  let kind = connection?.type;
  const network = () => run("network");
  const visible = () => document.visibilityState === "visible" && run("visible");
  const changed = () => {
    if (connection?.type !== kind) {
      kind = connection?.type;
      run("network");
    }
  };
  window.addEventListener("online", network);
  connection?.addEventListener?.("change", changed);
  document.addEventListener("visibilitychange", visible);
  return () => {
    window.removeEventListener("online", network);
    connection?.removeEventListener?.("change", changed);
    document.removeEventListener("visibilitychange", visible);
  };
}

export function browserPlatform(): Platform {
  return {
    timers: browserTimers,
    random: Math.random,
    fetch: (url, init) => fetch(url, init),
    openSocket: (url, protocol) => new WebSocket(url, protocol) as unknown as Socket,
    createPeer,
    audioCodecs,
    openMicrophone,
    createAudio,
    onWake,
  };
}

/** A promise of the timers' clock. */
export function sleep(timers: Timers, ms: number): Promise<void> {
  return new Promise((resolve) => timers.after(ms, resolve));
}
