/* signalling.ts - one WebSocket that comes back by itself: first message, requests with answers, events.
 *
 *   idle -> connecting -> open -> waiting -> connecting ...
 *                 \________\________\______-> closed (by us, or for good by the server)
 *
 * What a refusal or a close code means for the room is not decided here but by the owner. */

import { Backoff } from "./backoff.js";
import { VoiceroomError } from "./errors.js";
import { closeCode, readMessage, SUBPROTOCOL } from "./protocol.js";
import type { Answer, Refusal, RequestType, RoomEvent } from "./protocol.js";
import type { Platform, Socket } from "./platform.js";

export type SignallingState = "idle" | "connecting" | "open" | "waiting" | "closed";

export interface SignallingOptions {
  /** Asked anew for each connection: the node may have changed. */
  url: () => string;
  platform: Platform;
  backoff?: Pick<Backoff, "next" | "reset">;
  /** The message that proves who we are; asked anew for each connection. */
  first: () => { type: RequestType; fields: object };
  /** The first message was answered: requests may go out. */
  onReady: (answer: Answer) => void;
  onEvent: (event: RoomEvent) => void;
  /** A refusal that answers no request: something of the session is broken ("media-lost"). */
  onComplaint: (error: VoiceroomError) => void;
  /** The connection is lost; a new one is on its way. */
  onDown: () => void;
  /** Connecting has failed so often in a row. */
  onStuck?: (failures: number) => void;
  /** The first message was refused. Nothing more is tried until restart(). */
  onRefused: (error: VoiceroomError) => void;
  /** The server closed for good: 4000 (another socket of this session) or 4002 (session over). */
  onOver: (code: number) => void;
}

interface Pending {
  resolve: (answer: Answer) => void;
  reject: (error: VoiceroomError) => void;
  stopTimer: () => void;
}

const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
/* The server sends a digest every 10 s at least: longer silence is a dead connection. */
const SILENCE_MAX_MS = 25_000;
const LIVENESS_MS = 5_000;

export class Signalling {
  private current: SignallingState = "idle";
  private socket: Socket | undefined;
  private firstId = "";
  private counter = 0;
  private failures = 0;
  private heardAt = 0;
  private stopTimer: () => void = () => {};
  private stopLiveness: () => void = () => {};
  private readonly pending = new Map<string, Pending>();
  private readonly backoff: Pick<Backoff, "next" | "reset">;

  constructor(private readonly options: SignallingOptions) {
    this.backoff = options.backoff ?? new Backoff({ random: options.platform.random });
  }

  get state(): SignallingState {
    return this.current;
  }

  start(): void {
    if (this.current === "idle" || this.current === "waiting" || this.current === "closed") {
      this.connect();
    }
  }

  /** Stop trying, keep what may be started again. */
  stop(): void {
    this.current = "closed";
    this.failures = 0;
    this.drop(1000);
  }

  /** The network or the page woke up: don't wait for a timer that may have slept. */
  wake(): void {
    if (this.current === "waiting") {
      this.connect();
    } else if (this.current === "open") {
      this.checkLiveness();
    }
  }

  request(type: RequestType, fields: Record<string, unknown> = {}, timeoutMs = REQUEST_TIMEOUT_MS): Promise<Answer> {
    if (this.current !== "open" || !this.socket) {
      return Promise.reject(new VoiceroomError({ code: "client-offline", detail: "not connected" }));
    }
    return this.post(this.socket, this.nextId(), type, fields, timeoutMs);
  }

  private post(socket: Socket, id: string, type: RequestType, fields: object, timeoutMs: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const stopTimer = this.options.platform.timers.after(timeoutMs, () => {
        this.pending.delete(id);
        reject(new VoiceroomError({ code: "client-timeout", detail: `${type} was not answered` }));
      });
      this.pending.set(id, { resolve, reject, stopTimer });
      socket.send(JSON.stringify({ ...fields, type, id }));
    });
  }

  private connect(): void {
    this.drop(1000);
    this.current = "connecting";
    let socket: Socket;
    try {
      socket = this.options.platform.openSocket(this.options.url(), SUBPROTOCOL);
    } catch {
      this.waitAndRetry();
      return;
    }
    this.socket = socket;
    this.stopTimer = this.options.platform.timers.after(CONNECT_TIMEOUT_MS, () => this.lost(0));
    socket.onopen = () => this.sayFirst(socket);
    socket.onmessage = (event) => this.receive(String(event.data));
    socket.onclose = (event) => this.lost(event.code);
    socket.onerror = () => {};
  }

  private sayFirst(socket: Socket): void {
    this.heardAt = this.options.platform.timers.now();
    this.firstId = this.nextId();
    const { type, fields } = this.options.first();
    this.post(socket, this.firstId, type, fields, REQUEST_TIMEOUT_MS).then(
      (answer) => this.ready(socket, answer),
      (error: VoiceroomError) => this.firstFailed(socket, error),
    );
  }

  private ready(socket: Socket, answer: Answer): void {
    if (socket !== this.socket) {
      return;
    }
    this.stopTimer();
    this.current = "open";
    this.backoff.reset();
    this.failures = 0;
    this.armLiveness();
    this.options.onReady(answer);
  }

  private firstFailed(socket: Socket, error: VoiceroomError): void {
    if (socket !== this.socket || this.current !== "connecting") {
      return;
    }
    if (error.retryable) {
      this.waitAndRetry(error.retryAfterMs);
      return;
    }
    this.current = "closed";
    this.drop(1000);
    this.options.onRefused(error);
  }

  private receive(text: string): void {
    this.heardAt = this.options.platform.timers.now();
    const message = readMessage(text);
    if (!message) {
      return;
    }
    switch (message.kind) {
      case "answer":
        this.settle(message.answer.id, (pending) => pending.resolve(message.answer));
        break;
      case "refusal":
        this.refused(message.refusal);
        break;
      case "event":
        /* Before the first answer the state is not there yet; that answer carries it whole. */
        if (this.current === "open") {
          this.options.onEvent(message.event);
        }
        break;
    }
  }

  private refused(refusal: Refusal): void {
    const error = errorOfRefusal(refusal);
    if (refusal.id === undefined && this.current === "open") {
      this.options.onComplaint(error);
    } else {
      this.settle(refusal.id ?? this.firstId, (pending) => pending.reject(error));
    }
  }

  private settle(id: string, how: (pending: Pending) => void): void {
    const pending = this.pending.get(id);
    if (pending) {
      this.pending.delete(id);
      pending.stopTimer();
      how(pending);
    }
  }

  private lost(code: number): void {
    const wasOpen = this.current === "open";
    if (code === closeCode.sessionOver || code === closeCode.replacedSocket) {
      this.current = "closed";
      this.drop(1000);
      this.options.onOver(code);
      return;
    }
    if (code === closeCode.notAuthenticated) {
      this.current = "closed";
      this.drop(1000);
      this.options.onRefused(new VoiceroomError({ code: "unauthorized", status: 401, detail: "the session is not known" }));
      return;
    }
    this.waitAndRetry(code === closeCode.tooMany ? 2_000 : 0);
    if (wasOpen) {
      this.options.onDown();
    }
  }

  private waitAndRetry(atLeastMs = 0): void {
    this.failures += this.current === "connecting" ? 1 : 0;
    this.current = "waiting";
    this.drop(1000);
    this.stopTimer = this.options.platform.timers.after(this.backoff.next(atLeastMs), () => {
      if (this.current === "waiting") {
        this.connect();
      }
    });
    if (this.failures > 0) {
      this.options.onStuck?.(this.failures);
    }
  }

  /* Forget the socket, and tell everyone who waits for an answer of it. */
  private drop(code: number): void {
    this.stopTimer();
    this.stopLiveness();
    const socket = this.socket;
    this.socket = undefined;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
      try {
        socket.close(code);
      } catch {
        /* It was never open: nothing to close. */
      }
    }
    const waiting = [...this.pending.values()];
    this.pending.clear();
    for (const pending of waiting) {
      pending.stopTimer();
      pending.reject(new VoiceroomError({ code: "client-offline", detail: "the connection was lost" }));
    }
  }

  private armLiveness(): void {
    this.stopLiveness = this.options.platform.timers.after(LIVENESS_MS, () => this.checkLiveness());
  }

  private checkLiveness(): void {
    this.stopLiveness();
    if (this.options.platform.timers.now() - this.heardAt > SILENCE_MAX_MS) {
      this.lost(0);
    } else {
      this.armLiveness();
    }
  }

  private nextId(): string {
    this.counter += 1;
    return String(this.counter);
  }
}

function errorOfRefusal(refusal: Refusal): VoiceroomError {
  return new VoiceroomError({ code: refusal.code, detail: refusal.detail, retryAfterMs: refusal.retry_after_ms ?? 0 });
}
