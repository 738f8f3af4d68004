/* errors.ts - one kind of error for everything that can go wrong, with a sentence that says what to do.
 *
 * Codes are the server's (problem documents of RFC 9457, `room:error`) and a few of our own, which begin
 * with "client-". */

export interface ErrorFields {
  code: string;
  detail?: string;
  status?: number;
  retryAfterMs?: number;
  requestId?: string;
  fields?: { pointer: string; detail: string }[];
  nodes?: string[];
}

/* What a person can do about it. `detail` of the server says what happened; this says what next. */
const advice: Record<string, string> = {
  "bad-request": "Reload the page and try again.",
  "bad-wire": "Reload the page and try again.",
  "bad-sdp": "This browser's audio offer was not understood. Update the browser, or use another one.",
  unauthorized: "Open the link that brought you here once more, or enter your name again.",
  forbidden: "Ask the host or a moderator.",
  banned: "You can't come in. Write to the host if you think that this is a mistake.",
  "wrong-passcode": "Check the passcode and try again.",
  "not-invited": "Ask the host for an invitation.",
  locked: "Nobody can come in now. Ask the host to unlock the room, or try later.",
  "not-found": "It may be over, or the link may be wrong. Go back to the list of rooms.",
  conflict: "Somebody else was faster. Look at what is shown now, then try again if it is still needed.",
  "room-full": "All places are taken. Try again in a while.",
  "stage-full": "All places for speakers are taken. Make room on the stage first.",
  gone: "It is over. Go back to the list of rooms.",
  stale: "It has changed meanwhile. Look at what is shown now, then try again.",
  "too-large": "Make it shorter and try again.",
  invalid: "Correct what is marked and try again.",
  "rate-limited": "That was too fast. Wait a moment, then try again.",
  internal: "Try again. If it stays so, tell whoever runs this server.",
  busy: "The server is busy. Try again in a moment.",
  frozen: "The server can't change the room at this moment. Try again in a few seconds.",
  fenced: "Try again in a few seconds.",
  draining: "The server is about to restart. You come back by yourself.",
  timeout: "The server did not answer in time. Try again.",
  "storage-full": "The server can't store anything now. Tell whoever runs it.",
  "client-offline": "There is no connection to the server. You come back by yourself when it returns.",
  "client-timeout": "The server did not answer in time. Try again.",
  "client-closed": "You have left the room.",
  "client-replaced": "You are in this room in another window. Go on there, or join here again.",
  "client-no-webrtc": "This browser can't do voice calls. Use a recent Firefox, Chrome, Edge or Safari.",
  "client-microphone-denied": "Allow the microphone for this page in the browser's address bar, then try again.",
  "client-microphone-missing": "No microphone was found. Connect one, then try again.",
  "client-microphone-busy": "The microphone can't be opened; another program may hold it. Close that, then try again.",
  "client-insecure": "Browsers give the microphone only to pages opened over https or on localhost. Open the https address.",
};

export class VoiceroomError extends Error {
  readonly code: string;
  readonly detail: string;
  readonly status: number;
  readonly retryAfterMs: number;
  readonly requestId: string | undefined;
  readonly fields: { pointer: string; detail: string }[];
  /** Of a node that is being drained: those that take us. */
  readonly nodes: readonly string[];

  constructor(fields: ErrorFields) {
    super(fields.detail || fields.code);
    this.name = "VoiceroomError";
    this.code = fields.code;
    this.detail = fields.detail ?? "";
    this.status = fields.status ?? 0;
    this.retryAfterMs = fields.retryAfterMs ?? 0;
    this.requestId = fields.requestId;
    this.fields = fields.fields ?? [];
    this.nodes = fields.nodes ?? [];
  }

  /** What the person can do now. */
  get whatToDo(): string {
    return advice[this.code] ?? "Try again. If it stays so, tell whoever runs this server.";
  }

  /** Trying the same again later can help: the server said so, or it could not be reached. */
  get retryable(): boolean {
    return (
      this.status >= 500 ||
      ["rate-limited", "busy", "frozen", "fenced", "draining", "timeout", "no-memory", "in-progress", "internal"].includes(this.code) ||
      this.code === "client-offline" ||
      this.code === "client-timeout"
    );
  }
}

/** Seconds or an HTTP date, in ms from `now`; 0 when absent or unreadable. */
export function readRetryAfter(header: string | null, now: number): number {
  if (!header) {
    return 0;
  }
  if (/^\d+$/.test(header.trim())) {
    return Number(header) * 1000;
  }
  const at = Date.parse(header);
  return Number.isNaN(at) ? 0 : Math.max(0, at - now);
}

/** The error that an HTTP answer outside 2xx means; `body` as read, JSON or not. */
export function errorFromProblem(status: number, body: unknown, retryAfterMs = 0): VoiceroomError {
  const problem = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const code = typeof problem.code === "string" ? problem.code : codeOfStatus(status);
  const detail = typeof problem.detail === "string" ? problem.detail : typeof problem.title === "string" ? problem.title : "";
  const fields = Array.isArray(problem.errors) ? (problem.errors as { pointer: string; detail: string }[]) : [];
  const nodes = Array.isArray(problem.nodes) ? problem.nodes.filter((url) => typeof url === "string") : [];
  const own = typeof problem.retry_after_ms === "number" ? problem.retry_after_ms : 0;
  return new VoiceroomError({
    code,
    detail,
    status,
    retryAfterMs: own > 0 ? own : retryAfterMs, // the header has whole seconds
    requestId: typeof problem.request_id === "string" ? problem.request_id : undefined,
    fields,
    nodes,
  });
}

/* A proxy in front of the server answers without a problem document. */
function codeOfStatus(status: number): string {
  switch (status) {
    case 401:
      return "unauthorized";
    case 403:
      return "forbidden";
    case 404:
      return "not-found";
    case 429:
      return "rate-limited";
    case 503:
      return "busy";
    case 504:
      return "timeout";
    default:
      return status >= 500 ? "internal" : "bad-request";
  }
}

/** Anything thrown, as our kind of error. */
export function asVoiceroomError(cause: unknown): VoiceroomError {
  if (cause instanceof VoiceroomError) {
    return cause;
  }
  return new VoiceroomError({ code: "internal", detail: cause instanceof Error ? cause.message : String(cause) });
}

/** What getUserMedia threw, in our words. */
export function microphoneError(cause: unknown): VoiceroomError {
  const name = cause instanceof Error ? cause.name : "";
  const detail = cause instanceof Error ? cause.message : String(cause);
  if (name === "NotAllowedError" || name === "SecurityError") {
    return new VoiceroomError({ code: "client-microphone-denied", detail });
  }
  if (name === "NotFoundError" || name === "OverconstrainedError") {
    return new VoiceroomError({ code: "client-microphone-missing", detail });
  }
  return new VoiceroomError({ code: "client-microphone-busy", detail });
}
