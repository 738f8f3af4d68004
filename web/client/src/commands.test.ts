/* Goal: every act names itself, and one whose answer was lost with its socket is sent again under the same name, once;
 * what the room does not remember is never sent twice. */

import { beforeEach, describe, expect, it } from "vitest";
import { VoiceRooms } from "./client.js";
import { newCommandId } from "./commands.js";
import type { Room } from "./room.js";
import { aJoinAnswer, aPerson, aSnapshot, FakePlatform, json, settle } from "./testing/fake-platform.js";

const ME = 17;
const answer = () => aJoinAnswer(ME, aSnapshot([aPerson(1, { role: "host" }), aPerson(ME)]));
let platform: FakePlatform;
let room: Room;

async function bind(): Promise<void> {
  platform.socket.open();
  platform.socket.answer(answer());
  await settle();
}

/** The socket goes, and another one comes and is let in. */
async function comeBack(): Promise<void> {
  const before = platform.sockets.length;
  platform.socket.drop();
  while (platform.sockets.length === before) {
    await platform.timers.advance(500);
  }
  await bind();
}

/** What was sent of this type, on all sockets. */
function sent(type: string): Record<string, unknown>[] {
  return platform.sockets.flatMap((socket) => socket.sent).filter((message) => message.type === type);
}

beforeEach(async () => {
  platform = new FakePlatform();
  platform.respond = (request) => (request.path.endsWith("/join") ? json(201, answer()) : json(200, {}));
  room = await new VoiceRooms({ url: "http://server", token: "jwt", platform }).join("01room");
  await bind();
});

describe("commands", () => {
  it("carry an id of their own each", async () => {
    for (let turn = 0; turn < 2; turn += 1) {
      const asked = room.raiseHand();
      platform.socket.answer();
      await asked;
    }
    const ids = sent("room:hand-raise").map((message) => message.command_id as string);
    expect(ids.map((id) => /^[0-9a-f]{32}$/.test(id))).toEqual([true, true]);
    expect(new Set(ids).size).toBe(2);
    expect(newCommandId()).not.toBe(newCommandId());
  });

  it("whose answer was lost are sent again on the next socket with the same id, and answered by it", async () => {
    const asked = room.chat("once");
    await comeBack();
    expect(sent("room:chat")).toHaveLength(2);
    expect(sent("room:chat")[0]!.command_id).toBe(sent("room:chat")[1]!.command_id);
    platform.socket.answer({ message: "01m" });
    await asked;
  });

  it("are sent again once only, and a refusal is the end", async () => {
    const asked = room.chat("once").catch((error: { code: string }) => error.code);
    await comeBack();
    await comeBack();
    expect(sent("room:chat")).toHaveLength(2);
    expect(await asked).toBe("client-offline");
    const refused = room.chat("never").catch((error: { code: string }) => error.code);
    platform.socket.refuse("forbidden");
    expect(await refused).toBe("forbidden");
    expect(sent("room:chat")).toHaveLength(3);
  });

  it("are given up when no socket comes back, and when the room is over", async () => {
    const asked = room.chat("lost").catch((error: { code: string }) => error.code);
    platform.socket.drop();
    for (let second = 0; second < 20; second += 1) {
      await platform.timers.advance(1_000);
    }
    expect(await asked).toBe("client-offline");
    expect(sent("room:chat")).toHaveLength(1);
  });

  it("asked while there is no socket wait for the next one, as long as a restart takes", async () => {
    platform.socket.drop();
    const asked = Promise.all([room.chat("late"), room.react("👏")]);
    await platform.timers.advance(1_000);
    await bind();
    expect(sent("room:chat")).toHaveLength(1);
    expect(sent("room:reaction")).toHaveLength(1);
    for (const { type, id } of [sent("room:chat")[0]!, sent("room:reaction")[0]!]) {
      platform.socket.say({ type, id, ok: true, result: { message: "01m" } });
    }
    await asked;
  });

  it("asked while there is none are refused after three seconds", async () => {
    platform.socket.drop();
    const asked = room.chat("too late").catch((error: { code: string }) => error.code);
    await platform.timers.advance(4_000);
    expect(await asked).toBe("client-offline");
    expect(sent("room:chat")).toHaveLength(0);
  });

  it("that pass by are not repeated", async () => {
    const asked = room.react("👏").catch((error: { code: string }) => error.code);
    await comeBack();
    expect(await asked).toBe("client-offline");
    expect(sent("room:reaction")).toHaveLength(1);
    expect(sent("room:reaction")[0]).not.toHaveProperty("command_id");
  });
});
