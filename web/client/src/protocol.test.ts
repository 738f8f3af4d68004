/* Goal: every message of the server is sorted right, and bytes that are none do no harm. */

import { describe, expect, it } from "vitest";
import { isPassing, readMessage } from "./protocol.js";
import type { RoomEvent } from "./protocol.js";

describe("readMessage", () => {
  it("tells answers, refusals and events apart", () => {
    expect(readMessage('{"type":"room:mute","id":"7","ok":true,"epoch":3,"sequence":44,"result":{"a":1}}')).toMatchObject({
      kind: "answer",
      answer: { type: "room:mute", id: "7", result: { a: 1 } },
    });
    expect(readMessage('{"type":"room:error","id":"7","request":"room:mute","code":"forbidden","detail":"no"}')).toMatchObject({
      kind: "refusal",
      refusal: { id: "7", code: "forbidden", detail: "no" },
    });
    expect(readMessage('{"type":"room:digest","room":"x","epoch":1,"sequence":2,"digest":"00"}')).toMatchObject({
      kind: "event",
      event: { type: "room:digest", sequence: 2 },
    });
  });

  it("takes a number as id, and an answer without result", () => {
    expect(readMessage('{"type":"room:leave","id":9,"ok":true}')).toMatchObject({ answer: { id: "9", result: {} } });
  });

  it.each(["", "{", "null", "[]", "7", '"text"', "{}", '{"type":5}', '{"id":"1","ok":true}'])("drops %j", (text) => {
    expect(readMessage(text)).toBeUndefined();
  });

  it("gives a refusal without a code a code", () => {
    expect(readMessage('{"type":"room:error"}')).toMatchObject({ refusal: { code: "internal", id: undefined } });
  });
});

describe("isPassing", () => {
  it.each([
    ["room:chat", true],
    ["room:digest", true],
    ["session:replaced", true],
    ["room:muted", false],
    ["room:something-newer", false],
  ])("%s: %s", (type, passing) => {
    expect(isPassing({ type } as RoomEvent)).toBe(passing);
  });
});
