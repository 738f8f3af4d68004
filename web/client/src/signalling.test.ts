/* Goal: one socket that comes back by itself, loses no answer silently, and knows when it is over. */

import { beforeEach, describe, expect, it } from "vitest";
import type { VoiceroomError } from "./errors.js";
import type { RoomEvent } from "./protocol.js";
import { Signalling } from "./signalling.js";
import { FakePlatform, settle } from "./testing/fake-platform.js";

let platform: FakePlatform;
let signalling: Signalling;
let log: string[];
let events: RoomEvent[];
let token: string;

beforeEach(() => {
  platform = new FakePlatform();
  log = [];
  events = [];
  token = "t1";
  signalling = new Signalling({
    url: () => "ws://server/v1/ws",
    platform,
    first: () => ({ type: "room:resume", fields: { resume_token: token } }),
    onReady: () => log.push("ready"),
    onEvent: (event) => events.push(event),
    onComplaint: (error) => log.push(`complaint ${error.code}`),
    onDown: () => log.push("down"),
    onRefused: (error) => log.push(`refused ${error.code}`),
    onOver: (code) => log.push(`over ${code}`),
  });
});

async function connected(): Promise<void> {
  signalling.start();
  platform.socket.open();
  platform.socket.answer();
  await settle();
}

describe("coming up", () => {
  it("offers the subprotocol and proves itself first", async () => {
    await connected();
    expect(platform.socket).toMatchObject({ url: "ws://server/v1/ws", protocol: "voicerooms.v1" });
    expect(platform.socket.sent[0]).toMatchObject({ type: "room:resume", resume_token: "t1" });
    expect(log).toEqual(["ready"]);
    expect(signalling.state).toBe("open");
  });

  it("keeps events back until the state is there", async () => {
    signalling.start();
    platform.socket.open();
    platform.socket.say({ type: "room:digest", epoch: 1, sequence: 1, digest: "" });
    platform.socket.answer();
    await settle();
    platform.socket.say({ type: "room:digest", epoch: 1, sequence: 2, digest: "" });
    expect(events.map((event) => event.sequence)).toEqual([2]);
  });

  it("a refusal that time can't cure goes to the owner, and nothing is tried again", async () => {
    signalling.start();
    platform.socket.open();
    platform.socket.refuse("gone");
    await platform.timers.advance(60_000);
    expect(log).toEqual(["refused gone"]);
    expect(platform.sockets).toHaveLength(1);
  });

  it("a refusal that asks to wait is waited for", async () => {
    signalling.start();
    platform.socket.open();
    platform.socket.refuse("draining", "", 3000);
    await platform.timers.advance(2999);
    expect(platform.sockets).toHaveLength(1);
    await platform.timers.advance(500);
    expect(platform.sockets).toHaveLength(2);
  });

  it("a server that takes the connection and says nothing is given up", async () => {
    signalling.start();
    platform.socket.open();
    await platform.timers.advance(5_500);
    expect(platform.sockets.length).toBeGreaterThan(1);
  });
});

describe("requests", () => {
  it("get their own answers, in any order", async () => {
    await connected();
    const first = signalling.request("room:chat", { text: "a" });
    const firstId = platform.socket.last.id;
    const second = signalling.request("room:chat", { text: "b" });
    platform.socket.answer({ message: "m2" });
    platform.socket.say({ type: "room:chat", id: firstId, ok: true, result: { message: "m1" } });
    expect((await first).result).toEqual({ message: "m1" });
    expect((await second).result).toEqual({ message: "m2" });
  });

  it("are refused with the server's code", async () => {
    await connected();
    const asked = signalling.request("room:kick", { participant: 3 });
    platform.socket.refuse("forbidden", "the role does not allow it");
    await expect(asked).rejects.toMatchObject({ code: "forbidden", detail: "the role does not allow it" });
  });

  it("a refusal that answers nothing is a complaint about the session", async () => {
    await connected();
    platform.socket.say({ type: "room:error", code: "media-lost", detail: "", epoch: 1, sequence: 1 });
    expect(log).toEqual(["ready", "complaint media-lost"]);
  });

  it("time out, and a late answer harms nobody", async () => {
    await connected();
    const asked = signalling.request("room:lock", { locked: true }).catch((error: VoiceroomError) => error.code);
    await platform.timers.advance(10_000);
    expect(await asked).toBe("client-timeout");
    platform.socket.answer();
  });

  it("fail at once without a connection, and when it is lost", async () => {
    await expect(signalling.request("room:mute")).rejects.toMatchObject({ code: "client-offline" });
    await connected();
    const asked = signalling.request("room:mute");
    platform.socket.drop();
    await expect(asked).rejects.toMatchObject({ code: "client-offline" });
  });
});

describe("coming back", () => {
  it("with the newest token, soon, and again and again", async () => {
    await connected();
    token = "t2";
    platform.socket.drop();
    expect(log).toEqual(["ready", "down"]);
    for (let tries = 0; tries < 5; tries += 1) {
      await platform.timers.advance(2_600);
      platform.socket.drop();
    }
    await platform.timers.advance(2_600);
    platform.socket.open();
    platform.socket.answer();
    await settle();
    expect(platform.socket.sent[0]).toMatchObject({ resume_token: "t2" });
    expect(log).toEqual(["ready", "down", "ready"]);
  });

  it("the first try comes within 250 ms", async () => {
    await connected();
    platform.socket.drop();
    await platform.timers.advance(250);
    expect(platform.sockets).toHaveLength(2);
  });

  it("a silent connection is dead after 25 s", async () => {
    await connected();
    await platform.timers.advance(20_000);
    platform.socket.say({ type: "room:digest", epoch: 1, sequence: 1, digest: "" });
    await platform.timers.advance(24_000);
    expect(platform.sockets).toHaveLength(1);
    await platform.timers.advance(12_000);
    expect(platform.sockets[0]!.closed).toBeDefined();
    expect(log).toContain("down");
  });

  it("waking up does not wait for the timer", async () => {
    await connected();
    platform.socket.drop();
    signalling.wake();
    expect(platform.sockets).toHaveLength(2);
  });

  it("what an old socket still says is not heard", async () => {
    await connected();
    const old = platform.socket;
    old.drop();
    await platform.timers.advance(300);
    old.say({ type: "room:digest", epoch: 1, sequence: 5, digest: "" });
    expect(events).toEqual([]);
  });
});

describe("the end", () => {
  it.each([4000, 4002])("%i is for good", async (code) => {
    await connected();
    platform.socket.drop(code);
    await platform.timers.advance(60_000);
    expect(log).toEqual(["ready", `over ${code}`]);
    expect(platform.sockets).toHaveLength(1);
  });

  it("4001 asks the owner for another proof", async () => {
    await connected();
    platform.socket.drop(4001);
    expect(log).toEqual(["ready", "refused unauthorized"]);
  });

  it.each([1001, 1006, 4008, 4029])("%i is not", async (code) => {
    await connected();
    platform.socket.drop(code);
    await platform.timers.advance(3_000);
    expect(platform.sockets.length).toBeGreaterThan(1);
  });

  it("stop() stops the timers too, and start() works again", async () => {
    await connected();
    platform.socket.drop();
    signalling.stop();
    await platform.timers.advance(60_000);
    expect(platform.sockets).toHaveLength(1);
    await connected();
    expect(signalling.state).toBe("open");
  });
});
