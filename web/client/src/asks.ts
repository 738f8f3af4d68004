/* asks.ts - what a room asks over HTTP on its way in and back: a place, a restart of the path, relays. */

import type { MicrophoneOptions } from "./platform.js";
import type { Prepared } from "./prepared.js";
import { PROTOCOL_VERSION } from "./protocol.js";
import type { IceServer, JoinAnswer } from "./protocol.js";
import type { Rest } from "./rest.js";

export interface JoinOptions {
  passcode?: string;
  /** From an earlier life of the page. */
  resumeToken?: string;
  /** Receive slots: how many people are heard at once. */
  slots?: number;
  microphone?: MicrophoneOptions;
}

/** As the room is told by VoiceRooms. */
export interface EnterOptions extends JoinOptions {
  /** Where its first peer may wait. */
  prepared?: Prepared;
}

/* Unless a join says otherwise. */
export const SLOTS = 4;
/* A path that is to be mended does not wait long for better relays. */
const RELAYS_PATIENCE_MS = 1_500;

export interface PlaceAsked {
  offer: string;
  capabilities: string[];
  passcode: string | undefined;
  /** Of an earlier life, or "". */
  resumeToken: string;
  /** The resume token alone proves who asks. */
  anonymous: boolean;
}

export function askPlace(rest: Rest, room: string, asked: PlaceAsked): Promise<JoinAnswer> {
  return rest.json<JoinAnswer>(`/v1/rooms/${room}/join`, {
    method: "POST",
    anonymous: asked.anonymous,
    json: {
      protocol: PROTOCOL_VERSION,
      capabilities: asked.capabilities,
      sdp: asked.offer,
      passcode: asked.passcode,
      resume_token: asked.resumeToken || undefined,
    },
  });
}

/** One ICE restart: the new offer there, the answer back. */
export async function askRestart(rest: Rest, session: string, offer: string): Promise<string> {
  return (await rest.send(`/v1/sessions/${session}/offer`, { method: "POST", sdp: offer })).text;
}

/** Relays with credentials that are good now. */
export async function askRelays(rest: Rest): Promise<IceServer[]> {
  return (await rest.json<{ ice_servers: IceServer[] }>("/v1/ice-servers", { timeoutMs: RELAYS_PATIENCE_MS })).ice_servers;
}
