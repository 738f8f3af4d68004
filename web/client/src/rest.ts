/* rest.ts - requests over HTTP: JSON or SDP in, JSON or SDP out, every failure a VoiceroomError. */

import { errorFromProblem, readRetryAfter, VoiceroomError } from "./errors.js";
import type { Platform } from "./platform.js";

const REQUEST_TIMEOUT_MS = 10_000;

export interface RestRequest {
  method?: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  json?: unknown;
  sdp?: string;
  headers?: Record<string, string>;
  /** Lets the request outlive the page (leaving while the window closes). */
  keepalive?: boolean;
  /** Send no access token: the body proves who asks (a resume token). */
  anonymous?: boolean;
  timeoutMs?: number;
}

export interface RestAnswer {
  status: number;
  headers: Headers;
  text: string;
}

export class Rest {
  constructor(
    /** Without a slash at the end: "https://voice.example". */
    public base: string,
    private readonly platform: Platform,
    private readonly identity: { token?: string | undefined } = {},
  ) {}

  get token(): string | undefined {
    return this.identity.token;
  }

  set token(token: string | undefined) {
    this.identity.token = token;
  }

  /** The same person, free to go to another node. */
  fork(): Rest {
    return new Rest(this.base, this.platform, this.identity);
  }

  async send(path: string, request: RestRequest = {}): Promise<RestAnswer> {
    const abort = new AbortController();
    const stop = this.platform.timers.after(request.timeoutMs ?? REQUEST_TIMEOUT_MS, () => abort.abort());
    try {
      const response = await this.platform.fetch(this.base + path, {
        method: request.method ?? "GET",
        headers: this.headers(request),
        body: request.sdp ?? (request.json === undefined ? undefined : JSON.stringify(request.json)),
        keepalive: request.keepalive,
        signal: abort.signal,
        cache: "no-store",
      });
      const text = await response.text();
      if (!response.ok) {
        const wait = readRetryAfter(response.headers.get("Retry-After"), Date.now());
        throw errorFromProblem(response.status, parsed(text), wait);
      }
      return { status: response.status, headers: response.headers, text };
    } catch (cause) {
      if (cause instanceof VoiceroomError) {
        throw cause;
      }
      const code = abort.signal.aborted ? "client-timeout" : "client-offline";
      throw new VoiceroomError({ code, detail: "the server could not be reached" });
    } finally {
      stop();
    }
  }

  async json<T>(path: string, request: RestRequest = {}): Promise<T> {
    const answer = await this.send(path, request);
    const value = parsed(answer.text);
    if (value === undefined) {
      throw new VoiceroomError({ code: "internal", status: 502, detail: "the answer is not JSON" });
    }
    return value as T;
  }

  private headers(request: RestRequest): Record<string, string> {
    const headers: Record<string, string> = { Accept: "application/json, application/sdp", ...request.headers };
    if (this.token && !request.anonymous) {
      headers.Authorization = `Bearer ${this.token}`;
    }
    if (request.sdp !== undefined) {
      headers["Content-Type"] = "application/sdp";
    } else if (request.json !== undefined) {
      headers["Content-Type"] = "application/json";
    }
    return headers;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
