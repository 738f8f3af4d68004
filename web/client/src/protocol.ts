/* protocol.ts - the shapes that travel between a client and a server (docs/protocol.md).
 *
 * Types and one reader of a message. No I/O, no DOM. Unknown fields are kept and ignored, so that a newer
 * server can say more than this file knows. */

export const PROTOCOL_VERSION = 1;
export const SUBPROTOCOL = "voicerooms.v1";

export type Role = "listener" | "speaker" | "moderator" | "host";
export type Phase = "scheduled" | "active" | "ended";
export type Visibility = "public" | "unlisted" | "private";
export type Presence = "connecting" | "live" | "reconnecting";

export interface StagePerson {
  /** In the list of rooms: heard in the last seconds. */
  speaking?: boolean;
  participant: number;
  name: string;
  role: Role;
}

export interface RoomCounts {
  participants: number;
  speakers: number;
  listeners: number;
  hands: number;
}

export interface RoomInfo {
  id: string;
  title: string;
  topic: string;
  description: string;
  language: string;
  tags: string[];
  visibility: Visibility;
  phase: Phase;
  locked: boolean;
  has_passcode: boolean;
  capacity: number;
  speaker_capacity: number;
  slow_hand_s: number;
  entry: "listen" | "speak";
  created_at: string;
  starts_at: string | null;
  started_at: string | null;
  ended_at: string | null;
  end_reason: string | null;
  host: { participant: number | null; name: string };
  revision: number;
  counts: RoomCounts;
  on_stage: StagePerson[];
}

/** What creation takes, and (all optional) what an update takes. */
export interface RoomSettings {
  title: string;
  topic?: string;
  description?: string;
  language?: string;
  tags?: string[];
  visibility?: Visibility;
  passcode?: string;
  capacity?: number;
  speaker_capacity?: number;
  slow_hand_s?: number;
  entry?: "listen" | "speak";
  starts_at?: string | null;
  locked?: boolean;
  invited?: string[];
}

export interface Participant {
  participant: number;
  name: string;
  role: Role;
  creator: boolean;
  guest: boolean;
  muted: boolean;
  muted_by_self: boolean;
  muted_by_moderator: boolean;
  mute_version: number;
  state: Presence;
  hand: { position: number; raised_at: string } | null;
  invited: boolean;
  joined_at: string;
  user?: string;
}

export interface Hand {
  participant: number;
  name: string;
  position: number;
  raised_at: string;
}

/** The listeners of a large room, told as a count. */
export interface Audience {
  listeners: number;
}

export interface Snapshot {
  room: RoomInfo;
  participants: Participant[];
  /** Null or absent: `participants` are all. Else only those whom all must see, and oneself. */
  audience?: Audience | null;
  hands: Hand[];
  epoch: number;
  sequence: number;
  digest: string;
}

export interface Ban {
  id: string;
  user?: string;
  name: string;
  by_address: boolean;
  reason: string;
  by: string;
  at: string;
  until: string | null;
}

/** One line of "who did what". */
export interface AuditEntry {
  at: string;
  by: string;
  act: string;
  target: string | null;
  reason: string | null;
}

export type ReportOutcome = "dismissed" | "warned" | "muted" | "kicked" | "banned" | "other";

/** Of somebody who was erased since, or never had a place, nothing is known. */
export interface ReportPerson {
  user: string | null;
  name: string | null;
  participant: number | null;
}

/** What one person told moderators about another. */
export interface Report {
  id: string;
  room: string;
  at: string;
  status: "open" | "resolved";
  by: ReportPerson;
  target: ReportPerson;
  reason: string | null;
  request_id: string;
  resolved_at: string | null;
  resolved_by: string | null;
  outcome: ReportOutcome | null;
  note: string | null;
}

/** A measured value over all reports of a room. */
export interface Measure {
  count: number;
  mean: number;
  max: number;
}

export interface Analytics {
  room: string;
  phase: Phase;
  joins: number;
  unique: number;
  peak: number;
  mean_stay_s: number;
  hands_raised: number;
  reactions: number;
  chats: number;
  started_at: string | null;
  ended_at: string | null;
  speakers: { name: string; spoke_s: number }[];
  /** What clients measured, as far as this node has heard of it; absent on older servers. */
  quality?: Partial<Record<"join_ms" | "connect_ms" | "loss" | "concealment" | "jitter_ms" | "rtt_ms" | "latency_ms" | "capture_to_playout_ms", Measure>>;
}

export interface IceServer {
  urls: string | string[];
  username?: string;
  credential?: string;
}

export interface JoinAnswer {
  protocol: number;
  node: string;
  nodes: string[];
  /** So many of `nodes`, from the first on, are addresses of the node that answers; absent on older servers. */
  own_nodes?: number;
  epoch: number;
  sequence: number;
  digest: string;
  session: string;
  generation: number;
  participant: number;
  role: Role;
  resume_token: string;
  ice_servers: IceServer[];
  slots: { mid: string; ssrc: number }[];
  capabilities: string[];
  /** What became of the transport: made by this answer, still the same, or no more; absent on older servers. */
  media?: "new" | "kept" | "gone";
  sdp?: string;
  state: Snapshot;
}

export interface GuestToken {
  token: string;
  user: string;
  name: string;
  expires_at: string;
}

export interface RoomPage {
  rooms: RoomInfo[];
  next_cursor: string | null;
}

/** A scheduled room of which one is to be reminded. */
export interface Reminder {
  room: string;
  title: string;
  starts_at: string;
  remind_at: string;
}

/** It is time: the room begins soon, or (`begun`) its host has opened it. */
export interface ReminderTold {
  room: string;
  title: string;
  starts_at: string;
  begun: boolean;
}

export type RequestType =
  | "session:hello"
  | "session:ping"
  | "room:join"
  | "room:resume"
  | "room:snapshot"
  | "room:leave"
  | "room:hand-raise"
  | "room:hand-lower"
  | "room:mute"
  | "room:unmute"
  | "room:mute-all"
  | "room:ask-unmute"
  | "room:promote"
  | "room:demote"
  | "room:invite"
  | "room:accept"
  | "room:decline"
  | "room:make-moderator"
  | "room:transfer-host"
  | "room:kick"
  | "room:ban"
  | "room:unban"
  | "room:lock"
  | "room:update"
  | "room:end"
  | "room:report"
  | "room:reaction"
  | "room:chat"
  | "room:chat-delete"
  | "room:quality"
  | "session:sound-clock"
  | "room:webrtc:offer";

/** The answer to a request that succeeded. */
export interface Answer {
  type: string;
  id: string;
  ok: true;
  epoch?: number;
  sequence?: number;
  result: Record<string, unknown>;
}

/** The answer to a request that was refused. */
export interface Refusal {
  type: "room:error";
  id?: string;
  request?: string;
  code: string;
  detail: string;
  retry_after_ms?: number;
}

interface Placed {
  epoch: number;
  sequence: number;
  /** Done by a node without a valid owner: no place of its own, the next owner confirms or lifts it. */
  provisional?: boolean;
}

/** Events that changed the state: each raised `sequence` by one. */
export type StateEvent = Placed &
  (
    | { type: "room:state"; room: RoomInfo | string; state?: Snapshot }
    | { type: "room:participant-joined"; participant: Participant; returned?: boolean; from_audience?: boolean }
    | { type: "room:participant-left"; who: number; reason: string }
    | { type: "room:participant-audience"; who: number }
    | { type: "room:participant-reconnecting"; participant: Participant }
    | { type: "room:hand-raised"; who: number; hands: Hand[] }
    | { type: "room:hand-lowered"; who: number; hands: Hand[]; reason: string }
    | { type: "room:muted" | "room:unmuted"; participant: Participant; by: number | null }
    | { type: "room:role-changed"; participant: Participant; from: Role; by: number | null }
    | { type: "room:invited" | "room:declined"; who: number; by: number | null }
    | { type: "room:updated"; room: RoomInfo }
    | { type: "room:ended"; reason: string }
  );

/** Events that only pass by: they repeat the current `sequence`. */
export type PassingEvent = Placed &
  (
    | { type: "room:digest"; digest: string }
    | { type: "room:audience"; listeners: number }
    | { type: "room:hand-position"; position: number }
    | { type: "room:unmute-asked"; by: number; mute_version: number }
    | { type: "room:kicked" | "room:banned"; reason: string; until?: string | null }
    | { type: "room:reaction"; who: number; reaction: string }
    | { type: "room:chat"; message: string; who: number; name: string; text: string; at: string }
    | { type: "room:chat-deleted"; message: string; by: number }
    | { type: "room:active-speakers"; speakers: { participant: number; level: number }[] }
    | { type: "session:replaced" }
    | { type: "session:repair"; act: "restart" | "rebuild"; reason: string }
    | { type: "server:draining"; retry_after_ms: number; node?: string }
    | ({ type: "schedule:reminder" } & ReminderTold)
  );

export type RoomEvent = StateEvent | PassingEvent;
export type RoomEventType = RoomEvent["type"];

export type Incoming =
  | { kind: "answer"; answer: Answer }
  | { kind: "refusal"; refusal: Refusal }
  | { kind: "event"; event: RoomEvent };

const passing = new Set<string>([
  "room:digest",
  "room:audience",
  "room:hand-position",
  "room:unmute-asked",
  "room:kicked",
  "room:banned",
  "room:reaction",
  "room:chat",
  "room:chat-deleted",
  "room:active-speakers",
  "session:replaced",
  "session:repair",
  "server:draining",
  "schedule:reminder",
]);

export function isPassing(event: RoomEvent): event is PassingEvent {
  return passing.has(event.type);
}

/** WebSocket close codes of the server, and what a client does about them. */
export const closeCode = {
  goingAway: 1001,
  replacedSocket: 4000,
  notAuthenticated: 4001,
  sessionOver: 4002,
  tooSlow: 4008,
  tooMany: 4029,
} as const;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Sort one message of the server; undefined when it is none (not JSON, no type). */
export function readMessage(text: string): Incoming | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value) || typeof value.type !== "string") {
    return undefined;
  }
  const id = value.id === undefined || value.id === null ? undefined : String(value.id);
  if (value.type === "room:error") {
    return {
      kind: "refusal",
      refusal: { ...value, type: "room:error", id, code: String(value.code ?? "internal"), detail: String(value.detail ?? "") },
    };
  }
  if (id !== undefined && value.ok === true) {
    const result = isObject(value.result) ? value.result : {};
    return { kind: "answer", answer: { ...value, type: value.type, id, ok: true, result } };
  }
  return { kind: "event", event: value as unknown as RoomEvent };
}
