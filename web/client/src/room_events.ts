/* room_events.ts - what a room tells its page. */

import { VoiceroomError } from "./errors.js";
import type { MicrophoneStatus } from "./microphone.js";
import type { PeerState } from "./peer.js";
import type { ReminderTold, RoomEvent } from "./protocol.js";
import type { Quality } from "./quality.js";
import type { SpeakingLevels } from "./speaking.js";
import type { RoomState } from "./state.js";

export type RoomStatus = "joining" | "live" | "reconnecting" | "over";

/** Why a room is over for this client. */
export interface RoomOver {
  reason: "left" | "kicked" | "banned" | "ended" | "replaced" | "failed";
  /** The moderator's or host's words, if any. */
  detail: string;
  until?: string | null;
  error?: VoiceroomError;
}

export interface ChatMessage {
  id: string;
  who: number;
  name: string;
  text: string;
  at: string;
}

export interface RoomEvents {
  /** The state or the own mute changed. */
  state: RoomState;
  status: RoomStatus;
  /** Sound: is it flowing. */
  media: PeerState;
  speaking: SpeakingLevels;
  microphone: MicrophoneStatus;
  /** How good the sound was in the last two seconds. */
  quality: Quality;
  /** Sound may not play without a gesture: call resumeAudio() in one. */
  audioBlocked: boolean;
  chat: ChatMessage;
  chatDeleted: { id: string; by: number };
  reaction: { who: number; reaction: string };
  /** A moderator asks the own person to unmute. */
  unmuteAsked: { by: number };
  /** Another room, of which one wanted to be reminded. */
  reminder: ReminderTold;
  /** A fresh token to come back with: store it where a reload finds it. */
  resumeToken: string;
  /** Each event as it came, after it was applied. */
  event: RoomEvent;
  over: RoomOver;
}

/** The last event before the server closes says why it does. */
export function endingOf(event: RoomEvent): RoomOver | undefined {
  switch (event.type) {
    case "room:kicked":
      return { reason: "kicked", detail: event.reason ?? "" };
    case "room:banned":
      return { reason: "banned", detail: event.reason ?? "", until: event.until };
    case "room:ended":
      return { reason: "ended", detail: event.reason ?? "" };
    case "session:replaced":
      return { reason: "replaced", detail: "", error: new VoiceroomError({ code: "client-replaced" }) };
    default:
      return undefined;
  }
}

/** A refused return, as the end that it means. */
export function overBecause(error: VoiceroomError): RoomOver {
  switch (error.code) {
    case "banned":
      return { reason: "banned", detail: error.detail, error };
    case "gone":
      return { reason: "ended", detail: error.detail, error };
    default:
      return { reason: "failed", detail: error.detail, error };
  }
}
