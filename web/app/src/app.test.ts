/* Goal: the page's pure parts: which buttons are offered, what is announced, which view an address shows. */

import { describe, expect, it } from "vitest";
import type { Participant, Role, RoomEvent } from "@voicerooms/client";
import { aPerson } from "../../client/src/testing/fake-platform.js";
import { sentence } from "./text.js";
import { sentenceOf } from "./room/announce.js";
import { offersFor } from "./room/may.js";
import { readRoute, splitToken } from "./route.js";
import { initials, seedOf } from "./ui/avatar.js";

function offered(self: Role, other: Partial<Participant>): string[] {
  const offers = offersFor(aPerson(1, { role: self }), aPerson(2, other));
  return Object.entries(offers).filter(([, on]) => on).map(([name]) => name);
}

describe("offersFor", () => {
  const hand = { position: 1, raised_at: "" };

  it.each<[Role, Partial<Participant>, string[]]>([
    ["listener", { role: "speaker" }, []],
    ["speaker", { hand }, []],
    ["moderator", { hand }, ["promote", "remove"]],
    ["moderator", {}, ["invite", "remove"]],
    ["moderator", { invited: true }, ["remove"]],
    ["moderator", { role: "speaker" }, ["mute", "demote", "remove"]],
    ["moderator", { role: "speaker", muted_by_moderator: true, muted: true }, ["liftMute", "demote", "remove"]],
    ["moderator", { role: "speaker", muted_by_self: true, muted: true }, ["mute", "askUnmute", "demote", "remove"]],
    ["moderator", { role: "moderator" }, []],
    ["moderator", { role: "host" }, []],
    ["moderator", { role: "speaker", creator: true }, []],
    ["host", { role: "moderator" }, ["mute", "demote", "transferHost", "remove"]],
    ["host", { role: "speaker" }, ["mute", "demote", "makeModerator", "transferHost", "remove"]],
    ["host", { role: "moderator", creator: true }, ["transferHost"]],
  ])("%s about %j", (self, other, expected) => {
    expect(offered(self, other)).toEqual(expected);
  });

  it("nothing about oneself", () => {
    const self = aPerson(1, { role: "host" });
    expect(Object.values(offersFor(self, self)).some(Boolean)).toBe(false);
  });
});

describe("sentenceOf", () => {
  const say = (event: object) => sentenceOf({ epoch: 1, sequence: 1, ...event } as RoomEvent, 7, (id) => `Person ${id}`);

  it.each([
    [{ type: "room:participant-joined", participant: aPerson(3) }, "Person 3 came in"],
    [{ type: "room:participant-joined", participant: aPerson(3), returned: true }, "Person 3 is back"],
    [{ type: "room:participant-joined", participant: aPerson(3), from_audience: true }, undefined],
    [{ type: "room:participant-joined", participant: aPerson(7) }, undefined],
    [{ type: "room:role-changed", participant: aPerson(7, { role: "speaker" }), from: "listener", by: 1 }, "You are now speaker"],
    [{ type: "room:muted", participant: aPerson(7), by: 1 }, "You were muted by Person 1"],
    [{ type: "room:muted", participant: aPerson(7), by: 7 }, undefined],
    [{ type: "room:hand-position", position: 2 }, "Your place in the queue is 2"],
    [{ type: "room:hand-lowered", who: 7, reason: "declined", hands: [] }, "Your hand was declined"],
    [{ type: "room:digest", digest: "" }, undefined],
  ])("%j", (event, text) => {
    expect(say(event)).toBe(text);
  });
});

it("routes", () => {
  expect(readRoute("")).toEqual({ view: "browse" });
  expect(readRoute("#/new")).toEqual({ view: "create" });
  expect(readRoute("#/room/01abc")).toEqual({ view: "room", id: "01abc" });
  expect(readRoute("#/room/")).toEqual({ view: "browse" });
  expect(readRoute("#/room/01abc?token=a.b.c")).toEqual({ view: "room", id: "01abc" });
});

it("a token behind the address, and whom it names", () => {
  const token = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.xyz`;
  const zoe = token({ sub: "u-1", name: "Zoë Őry ÿ" });
  expect(splitToken(`#/room/01abc?token=${zoe}`)).toEqual({ path: "#/room/01abc", token: zoe, user: "u-1", name: "Zoë Őry ÿ" });
  expect(splitToken(`#?token=${token({ sub: "u-2" })}`)).toMatchObject({ path: "#", user: "u-2", name: "u-2" });
  expect(splitToken("#/room/01abc")).toEqual({ path: "#/room/01abc", token: "", user: "", name: "" });
  expect(splitToken("#/new?token=rubbish")).toEqual({ path: "#/new", token: "rubbish", user: "", name: "" });
});

it("initials of any name", () => {
  expect(["ana", "Ana Silva", "  jean  de la Croix ", "李 雷", "🎷", ""].map(initials)).toEqual(["A", "AS", "JC", "李雷", "🎷", "?"]);
  expect(seedOf("Ana")).toBe(seedOf("Ana"));
});

it("sentences", () => {
  expect(sentence("the room is full")).toBe("The room is full.");
  expect(sentence("Why?")).toBe("Why?");
});
