/* @voicerooms/client - join, speak in and moderate voice rooms of a Voicerooms server. */

export { VoiceRooms } from "./client.js";
export type { RoomQuery, VoiceRoomsOptions } from "./client.js";
export { Lobby } from "./lobby.js";
export { Room } from "./room.js";
export type { JoinOptions } from "./asks.js";
export type { ChatMessage, RoomEvents, RoomOver, RoomStatus } from "./room_events.js";
export { asVoiceroomError, microphoneError, VoiceroomError } from "./errors.js";
export { browserPlatform } from "./platform.js";
export type { AudioOutput, MicrophoneOptions, Platform, Socket, Timers } from "./platform.js";
export type { MicrophoneState, MicrophoneStatus } from "./microphone.js";
export type { PeerState, PeerStats } from "./peer.js";
export type { Quality, QualityGrade, QualityReport } from "./quality.js";
export { levelStep } from "./speaking.js";
export type { SpeakingLevels } from "./speaking.js";
export { isOnStage, maySpeak } from "./state.js";
export type { RoomState } from "./state.js";
export type * from "./protocol.js";
