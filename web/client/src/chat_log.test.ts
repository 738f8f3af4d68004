/* Goal: the chat is what was written, minus what was deleted, and never without bound. */

import { expect, it } from "vitest";
import { ChatLog } from "./chat_log.js";
import type { RoomEvent } from "./protocol.js";

const written = (message: string) =>
  ({ type: "room:chat", message, who: 2, name: "Ben", text: `text ${message}`, at: "", epoch: 1, sequence: 1 }) as RoomEvent;

it("adds, deletes, and takes a deletion of what it never saw", () => {
  const log = new ChatLog();
  expect(log.receive(written("a")).added).toMatchObject({ id: "a", who: 2, text: "text a" });
  log.receive(written("b"));
  expect(log.receive({ type: "room:chat-deleted", message: "a", by: 1, epoch: 1, sequence: 1 })).toEqual({ deleted: { id: "a", by: 1 } });
  log.receive({ type: "room:chat-deleted", message: "zz", by: 1, epoch: 1, sequence: 1 });
  expect(log.all.map((message) => message.id)).toEqual(["b"]);
  expect(log.receive({ type: "room:digest", digest: "", epoch: 1, sequence: 1 })).toEqual({});
});

it("drops the oldest beyond 500", () => {
  const log = new ChatLog();
  for (let count = 0; count < 510; count += 1) {
    log.receive(written(String(count)));
  }
  expect(log.all).toHaveLength(500);
  expect(log.all[0]!.id).toBe("10");
});
