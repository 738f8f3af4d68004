// Listens to a room and prints what happens in it: node --experimental-websocket listen.mjs URL ROOM
import { VoiceRooms } from "@voicerooms/client";
import { nodePlatform } from "@voicerooms/client/node";

const [url, id] = process.argv.slice(2);
const client = new VoiceRooms({ url, platform: nodePlatform() }); // in a page: new VoiceRooms()
await client.guest("Ear"); // or client.setToken(jwt) with a token of your own back end
const room = await client.join(id);

const nameOf = (who) => room.state.participants.get(who)?.name ?? `no. ${who}`;
console.log(`in "${room.state.room.title}" as a ${room.self.role}`);
room.on("status", (status) => console.log(`connection: ${status}`));
room.on("speaking", (levels) => console.log(`speaking: ${[...levels.keys()].map(nameOf).join(", ")}`));
room.on("chat", (message) => console.log(`${message.name}: ${message.text}`));
room.on("reaction", ({ who, reaction }) => console.log(`${nameOf(who)} ${reaction}`));
room.on("over", ({ reason, detail }) => {
  console.log(`over: ${reason} ${detail}`);
  process.exit(0);
});
