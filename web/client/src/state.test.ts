/* Goal: events lead to the state that the server has; what is missed is noticed; nothing is changed in place. */

import { describe, expect, it } from "vitest";
import { digestText } from "./digest.js";
import type { RoomEvent } from "./protocol.js";
import { applyEvent, fromSnapshot, maySpeak } from "./state.js";
import type { RoomState } from "./state.js";
import { aHand, aPerson, aRoom, aSnapshot } from "./testing/fake-platform.js";

const start = fromSnapshot(
  aSnapshot([aPerson(1, { role: "host" }), aPerson(2), aPerson(3), aPerson(4)], { hands: [aHand(2, 1), aHand(3, 2)] }),
);

/** The next event after `state`. */
function next(state: RoomState, event: object): RoomEvent {
  return { room: "01room", epoch: state.epoch, sequence: state.sequence + 1, ...event } as RoomEvent;
}

function after(event: object, state = start): RoomState {
  const step = applyEvent(state, next(state, event));
  expect(step.verdict).toBe("applied");
  return step.state;
}

describe("order", () => {
  const joined = { type: "room:participant-joined", participant: aPerson(9) };

  it.each([
    ["the next one", 1, 11, "applied", 11],
    ["a repeat", 1, 10, "old", 10],
    ["one missing", 1, 12, "gap", 10],
    ["an older epoch", 0, 11, "old", 10],
    ["a newer epoch", 2, 1, "gap", 10],
  ])("%s", (_name, epoch, sequence, verdict, reached) => {
    const step = applyEvent(start, { ...joined, epoch, sequence } as RoomEvent);
    expect(step.verdict).toBe(verdict);
    expect(step.state.sequence).toBe(reached);
  });

  it("a passing event ahead of us shows a gap, and one behind passes", () => {
    const chat = { type: "room:chat", message: "m", who: 2, name: "x", text: "hi", at: "" };
    expect(applyEvent(start, { ...chat, epoch: 1, sequence: 11 } as RoomEvent).verdict).toBe("gap");
    expect(applyEvent(start, { ...chat, epoch: 1, sequence: 9 } as RoomEvent)).toEqual({ state: start, verdict: "applied" });
  });

  it("an event of a newer server keeps its place", () => {
    expect(after({ type: "room:invented" }).sequence).toBe(11);
  });

  it("room:state replaces everything, whatever the place", () => {
    const snapshot = aSnapshot([aPerson(5)], { epoch: 4, sequence: 2 });
    for (const event of [{ type: "room:state", ...snapshot }, { type: "room:state", room: "01room", state: snapshot }]) {
      const step = applyEvent(start, event as unknown as RoomEvent);
      expect(step.verdict).toBe("applied");
      expect([...step.state.participants.keys()]).toEqual([5]);
      expect(step.state).toMatchObject({ epoch: 4, sequence: 2 });
    }
  });
});

describe("changes", () => {
  it("joined, reconnecting, left", () => {
    const joined = after({ type: "room:participant-joined", participant: aPerson(9) });
    expect(joined.participants.get(9)?.name).toBe("Person 9");
    const away = after({ type: "room:participant-reconnecting", participant: aPerson(9, { state: "reconnecting" }) }, joined);
    expect(away.participants.get(9)?.state).toBe("reconnecting");
    const left = after({ type: "room:participant-left", who: 9, reason: "lost" }, away);
    expect(left.participants.has(9)).toBe(false);
    expect(joined.participants.get(9)?.state).toBe("live");
  });

  it("who leaves takes the hand down, and the others move up", () => {
    const left = after({ type: "room:participant-left", who: 2, reason: "left" });
    expect(left.hands.map((hand) => [hand.participant, hand.position])).toEqual([[3, 1]]);
    expect(left.participants.get(3)?.hand?.position).toBe(1);
  });

  it("the queue of an event is the queue", () => {
    const raised = after({ type: "room:hand-raised", who: 4, hands: [aHand(2, 1), aHand(3, 2), aHand(4, 3)] });
    expect(raised.participants.get(4)?.hand?.position).toBe(3);
    const lowered = after({ type: "room:hand-lowered", who: 2, reason: "declined", hands: [aHand(3, 1), aHand(4, 2)] }, raised);
    expect(lowered.participants.get(2)?.hand).toBeNull();
    expect(lowered.participants.get(4)?.hand?.position).toBe(2);
  });

  it("a promotion shows the new role and takes the hand down", () => {
    const state = after({ type: "room:role-changed", participant: aPerson(2, { role: "speaker" }), from: "listener", by: 1 });
    expect(state.participants.get(2)?.role).toBe("speaker");
    expect(state.hands.map((hand) => hand.participant)).toEqual([3]);
  });

  it("mutes arrive with both flags", () => {
    const muted = after({ type: "room:muted", participant: aPerson(1, { role: "host", muted: true, muted_by_moderator: true }), by: 3 });
    expect(maySpeak(muted.participants.get(1)!)).toBe(false);
    const open = after({ type: "room:unmuted", participant: aPerson(1, { role: "host" }), by: 3 }, muted);
    expect(maySpeak(open.participants.get(1)!)).toBe(true);
  });

  it("keeps what an event leaves out", () => {
    const known = fromSnapshot(aSnapshot([aPerson(1, { user: "u-1" })]));
    const state = after({ type: "room:muted", participant: aPerson(1, { muted: true }), by: null }, known);
    expect(state.participants.get(1)?.user).toBe("u-1");
  });

  it("invitations come and go, also for someone who has left", () => {
    const invited = after({ type: "room:invited", who: 4, by: 1 });
    expect(invited.participants.get(4)?.invited).toBe(true);
    expect(after({ type: "room:declined", who: 4, by: null }, invited).participants.get(4)?.invited).toBe(false);
    expect(after({ type: "room:invited", who: 77, by: 1 }).sequence).toBe(11);
  });

  it("invitations have no place in the order: they are told to some only", () => {
    const event = { type: "room:invited", who: 4, by: 1, epoch: 1, sequence: 10 } as RoomEvent;
    const step = applyEvent(start, event);
    expect(step).toMatchObject({ verdict: "applied", state: { sequence: 10 } });
    expect(step.state.participants.get(4)?.invited).toBe(true);
  });

  it("what was done without an owner counts at once, whatever its place, and takes none", () => {
    const person = aPerson(1, { role: "host", muted: true, muted_by_moderator: true });
    for (const sequence of [4, 10, 30]) {
      const event = { type: "room:muted", participant: person, by: 3, epoch: 1, sequence, provisional: true } as RoomEvent;
      const step = applyEvent(start, event);
      expect(step).toMatchObject({ verdict: "applied", state: { sequence: 10 } });
      expect(maySpeak(step.state.participants.get(1)!)).toBe(false);
    }
  });

  it("the room's settings and its end", () => {
    const updated = after({ type: "room:updated", room: aRoom({ title: "Elm", locked: true, revision: 4 }) });
    expect(updated.room).toMatchObject({ title: "Elm", locked: true });
    expect(after({ type: "room:ended", reason: "late" }).room).toMatchObject({ phase: "ended", end_reason: "late" });
  });

  it("never changes the state that it was given", () => {
    const before = JSON.stringify([...start.participants]);
    after({ type: "room:hand-lowered", who: 2, reason: "own", hands: [aHand(3, 1)] });
    after({ type: "room:participant-left", who: 3, reason: "left" });
    expect(JSON.stringify([...start.participants])).toBe(before);
  });
});

it("listeners have no voice, whatever their flags", () => {
  expect(maySpeak(aPerson(1))).toBe(false);
  expect(maySpeak(aPerson(1, { role: "speaker" }))).toBe(true);
});

describe("a large room", () => {
  const large = fromSnapshot({ ...aSnapshot([aPerson(1, { role: "host" }), aPerson(7)]), audience: { listeners: 300 } });
  const tell = (event: object, state = large) => applyEvent(state, next(state, event), 7);

  it("counts its audience", () => {
    const step = tell({ type: "room:audience", listeners: 301, sequence: large.sequence });
    expect(step.verdict).toBe("applied");
    expect(step.state.audience).toEqual({ listeners: 301 });
  });

  it("shows who stands out, and lets him go back", () => {
    const shown = tell({ type: "room:participant-joined", participant: aPerson(9), from_audience: true }).state;
    expect(shown.participants.has(9)).toBe(true);
    expect(tell({ type: "room:participant-audience", who: 9 }, shown).state.participants.has(9)).toBe(false);
  });

  it("keeps one's own entry, whatever becomes of the list", () => {
    expect(tell({ type: "room:participant-audience", who: 7 }).state.participants.has(7)).toBe(true);
    const state = tell({ type: "room:state", ...aSnapshot([aPerson(1, { role: "host" })]), audience: { listeners: 300 } }).state;
    expect([...state.participants.keys()]).toEqual([7, 1]);
  });

  it("leaves oneself out of the digest as long as one is a plain listener", () => {
    const others = fromSnapshot({ ...aSnapshot([aPerson(1, { role: "host" })]), audience: { listeners: 300 } });
    expect(digestText(large)).toBe(digestText(others));
    const speaker = fromSnapshot({ ...aSnapshot([aPerson(1, { role: "host" }), aPerson(7, { role: "speaker" })]), audience: { listeners: 300 } });
    expect(digestText(speaker)).toContain("7|speaker");
  });
});
