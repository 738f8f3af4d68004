/* Goal: who is in no room says who he is, hears reminders, notices a connection that died, and is gone when closed; in a
 * room a reminder of another one passes by without touching the state. */

import { expect, it } from "vitest";
import { VoiceRooms } from "./client.js";
import type { ReminderTold } from "./protocol.js";
import { aJoinAnswer, aPerson, aSnapshot, FakePlatform, json, settle } from "./testing/fake-platform.js";

const REMINDER = { type: "schedule:reminder", room: "01other", title: "Songs", starts_at: "2030-01-01T20:00:00Z", begun: false, epoch: 0, sequence: 0 };

function start() {
  const platform = new FakePlatform();
  const client = new VoiceRooms({ url: "http://server", token: "jwt", platform });
  return { platform, client };
}

it("says who is there, tells reminders, pings, comes back, and closes", async () => {
  const { platform, client } = start();
  const told: ReminderTold[] = [];
  const lobby = client.lobby((reminder) => told.push(reminder));
  platform.socket.open();
  expect(platform.socket.last).toMatchObject({ type: "session:hello", token: "jwt" });
  platform.socket.answer({ user: "ana" });
  await settle();
  platform.socket.say(REMINDER);
  expect(told.map((one) => [one.room, one.begun])).toEqual([["01other", false]]);
  for (let turn = 0; turn < 8; turn += 1) {
    await platform.timers.advance(15_000);
    expect(platform.socket.last).toMatchObject({ type: "session:ping" });
    platform.socket.answer();
  }
  expect(platform.sockets).toHaveLength(1);
  for (let second = 0; second < 40 && platform.sockets.length === 1; second += 1) {
    await platform.timers.advance(1_000); // no pong any more
  }
  expect(platform.sockets).toHaveLength(2);
  lobby.close();
  await platform.timers.advance(60_000);
  expect(platform.sockets).toHaveLength(2);
});

it("in a room it is told too, and the room stays as it was", async () => {
  const { platform, client } = start();
  const answer = aJoinAnswer(17, aSnapshot([aPerson(17)]));
  platform.respond = () => json(201, answer);
  const room = await client.join("01room");
  platform.socket.open();
  platform.socket.answer(answer);
  await settle();
  const before = room.state;
  const told: ReminderTold[] = [];
  room.on("reminder", (reminder) => told.push(reminder));
  platform.socket.say({ ...REMINDER, begun: true });
  await settle();
  expect(told.map((one) => one.begun)).toEqual([true]);
  expect(room.state).toBe(before);
  expect(platform.socket.sent.filter((message) => message.type === "room:snapshot")).toEqual([]);
});

it("is asked for and taken back by the room's id", async () => {
  const { platform, client } = start();
  platform.respond = (request) =>
    request.method === "GET" ? json(200, { reminders: [{ room: "01other" }] }) : json(200, {});
  await client.remind("01other");
  await client.forgetReminder("01other");
  expect((await client.reminders()).map((one) => one.room)).toEqual(["01other"]);
  expect(platform.requests.map((request) => `${request.method} ${request.path}`)).toEqual([
    "PUT /v1/rooms/01other/reminder", "DELETE /v1/rooms/01other/reminder", "GET /v1/reminders",
  ]);
});
