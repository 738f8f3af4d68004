/* state.ts - a room as this client knows it: a snapshot, and every event since.
 *
 * Pure: (state, event) -> (state', verdict). States are never changed in place, so a page can compare
 * them by identity. Every change of the room has a place (epoch, sequence): an event that is not the next
 * one is a gap, and the answer to a gap is a snapshot. */

import { isPassing } from "./protocol.js";
import type { Audience, Hand, Participant, RoomEvent, RoomInfo, Snapshot, StateEvent } from "./protocol.js";

export interface RoomState {
  readonly room: RoomInfo;
  /** Everybody; in a large room those whom all must see, and oneself. */
  readonly participants: ReadonlyMap<number, Participant>;
  /** Of a large room: how many listen. Null: `participants` are all. */
  readonly audience: Audience | null;
  /** In the order of the queue. */
  readonly hands: readonly Hand[];
  readonly epoch: number;
  readonly sequence: number;
}

/** applied: the state changed or the event passes by; old: already contained; gap: ask for a snapshot. */
export type Verdict = "applied" | "old" | "gap";

export interface Step {
  state: RoomState;
  verdict: Verdict;
}

/** `own`: this client's person as known so far; a `room:state` of a large room leaves plain listeners out. */
export function fromSnapshot(snapshot: Snapshot, own?: Participant): RoomState {
  const hands = inOrder(snapshot.hands ?? []);
  const people = own && snapshot.audience ? [own, ...snapshot.participants] : snapshot.participants;
  return {
    room: snapshot.room,
    participants: withHands(new Map(people.map((person) => [person.participant, person])), hands),
    audience: snapshot.audience ?? null,
    hands,
    epoch: snapshot.epoch,
    sequence: snapshot.sequence,
  };
}

/** The snapshot inside a `room:state`, which carries it as members or as `state`. */
export function snapshotOf(event: RoomEvent): Snapshot | undefined {
  if (event.type !== "room:state") {
    return undefined;
  }
  if (event.state) {
    return event.state;
  }
  return typeof event.room === "object" ? (event as unknown as Snapshot) : undefined;
}

/** `self`: this client's own number. */
export function applyEvent(state: RoomState, event: RoomEvent, self?: number): Step {
  const snapshot = snapshotOf(event);
  if (snapshot) {
    return { state: fromSnapshot(snapshot, self === undefined ? undefined : state.participants.get(self)), verdict: "applied" };
  }
  if (event.epoch < state.epoch) {
    return { state, verdict: "old" };
  }
  if (event.epoch > state.epoch) {
    return { state, verdict: "gap" };
  }
  if ("provisional" in event && event.provisional === true) {
    /* Done without an owner: the next one gives it a place, or undoes it; his state follows. */
    return { state: isPassing(event) ? state : change(state, event), verdict: "applied" };
  }
  if (event.type === "room:audience") {
    return { state: { ...state, audience: { listeners: event.listeners } }, verdict: "applied" };
  }
  if (isPassing(event)) {
    return { state, verdict: event.sequence > state.sequence ? "gap" : "applied" };
  }
  if (event.sequence <= state.sequence) {
    /* Invitations are told only to those whom they concern, so they have no place in everybody's order. */
    const told = event.type === "room:invited" || event.type === "room:declined";
    return told ? { state: change(state, event), verdict: "applied" } : { state, verdict: "old" };
  }
  if (event.sequence > state.sequence + 1) {
    return { state, verdict: "gap" };
  }
  if (event.type === "room:participant-audience" && event.who === self) {
    return { state: { ...state, sequence: event.sequence }, verdict: "applied" };
  }
  return { state: { ...change(state, event), sequence: event.sequence }, verdict: "applied" };
}

function change(state: RoomState, event: StateEvent): RoomState {
  switch (event.type) {
    case "room:participant-joined":
    case "room:participant-reconnecting":
    case "room:muted":
    case "room:unmuted":
    case "room:role-changed":
      return withPerson(state, event.participant);
    case "room:participant-left":
    case "room:participant-audience":
      return withoutPerson(state, event.who);
    case "room:hand-raised":
    case "room:hand-lowered":
      return withQueue(state, event.hands);
    case "room:invited":
      return withInvited(state, event.who, true);
    case "room:declined":
      return withInvited(state, event.who, false);
    case "room:updated":
      return { ...state, room: event.room };
    case "room:ended":
      return { ...state, room: { ...state.room, phase: "ended", end_reason: event.reason } };
    default:
      /* A newer server's event: its place counts, and the digest tells if it mattered. */
      return state;
  }
}

/* An object of an event may leave out what only moderators see (`user`), so it is laid over what is known. */
function withPerson(state: RoomState, person: Participant): RoomState {
  const participants = new Map(state.participants);
  participants.set(person.participant, { ...participants.get(person.participant), ...person });
  if (person.hand || !state.hands.some((hand) => hand.participant === person.participant)) {
    return { ...state, participants };
  }
  return withQueue({ ...state, participants }, state.hands.filter((hand) => hand.participant !== person.participant));
}

function withoutPerson(state: RoomState, who: number): RoomState {
  const participants = new Map(state.participants);
  participants.delete(who);
  const hands = state.hands.filter((hand) => hand.participant !== who);
  return hands.length === state.hands.length ? { ...state, participants } : withQueue({ ...state, participants }, hands);
}

function withInvited(state: RoomState, who: number, invited: boolean): RoomState {
  const person = state.participants.get(who);
  if (!person) {
    return state;
  }
  const participants = new Map(state.participants);
  participants.set(who, { ...person, invited });
  return { ...state, participants };
}

function withQueue(state: RoomState, queue: readonly Hand[]): RoomState {
  const hands = inOrder(queue);
  return { ...state, hands, participants: withHands(state.participants, hands) };
}

/* Positions are 1, 2, 3 without holes, also between the event that takes one out and the one that renumbers. */
function inOrder(queue: readonly Hand[]): Hand[] {
  return [...queue].sort((a, b) => a.position - b.position).map((hand, index) => ({ ...hand, position: index + 1 }));
}

function withHands(people: ReadonlyMap<number, Participant>, hands: readonly Hand[]): Map<number, Participant> {
  const places = new Map(hands.map((hand) => [hand.participant, hand]));
  const result = new Map<number, Participant>();
  for (const [id, person] of people) {
    const place = places.get(id);
    const same = place ? person.hand?.position === place.position : !person.hand;
    const hand = place ? { position: place.position, raised_at: place.raised_at } : null;
    result.set(id, same ? person : { ...person, hand });
  }
  return result;
}

/** One of many in a large room: nobody else has him in his list. */
export function isAudience(person: Participant): boolean {
  return !isOnStage(person) && !person.hand && !person.invited;
}

export function isOnStage(person: Participant): boolean {
  return person.role !== "listener";
}

/** May this person's voice be heard now: on stage, and no mute stands. */
export function maySpeak(person: Participant): boolean {
  return isOnStage(person) && !person.muted_by_self && !person.muted_by_moderator && !person.muted;
}
