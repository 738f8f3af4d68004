// Opens a room and runs it: who raises a hand is let on stage, at most three at a time, and who writes "bye"
// ends it: node --experimental-websocket moderate.mjs URL
import { isOnStage, VoiceRooms, VoiceroomError } from "@voicerooms/client";
import { nodePlatform } from "@voicerooms/client/node";

const client = new VoiceRooms({ url: process.argv[2], platform: nodePlatform() });
await client.guest("Moderator bot");
const made = await client.createRoom({ title: "Open stage", topic: "Poems" }, crypto.randomUUID());
const room = await client.join(made.id);
console.log(made.id);

async function fillStage() {
  const speakers = [...room.state.participants.values()].filter((person) => isOnStage(person) && person.role === "speaker");
  for (const hand of room.state.hands.slice(0, Math.max(0, 3 - speakers.length))) {
    try {
      await room.promote(hand.participant);
    } catch (error) {
      if (!(error instanceof VoiceroomError)) throw error;
      console.error(error.code, error.whatToDo); // he lowered it meanwhile: nothing is lost
    }
  }
}

let busy = Promise.resolve();
room.on("state", () => {
  busy = busy.then(fillStage); // one after the other, each with the state as it is then
});
room.on("chat", ({ text }) => {
  if (text === "bye") void room.end("thank you all");
});
room.on("over", () => process.exit(0));
