/* chat_log.ts - what was written since this client joined, without what was deleted; bounded. */

import type { RoomEvent } from "./protocol.js";
import type { ChatMessage } from "./room_events.js";

const MESSAGES_MAX = 500;

export class ChatLog {
  private readonly messages: ChatMessage[] = [];

  /** Oldest first. */
  get all(): readonly ChatMessage[] {
    return this.messages;
  }

  /** Take an event of the chat; others change nothing. */
  receive(event: RoomEvent): { added?: ChatMessage; deleted?: { id: string; by: number } } {
    if (event.type === "room:chat") {
      const added = { id: event.message, who: event.who, name: event.name, text: event.text, at: event.at };
      this.messages.push(added);
      if (this.messages.length > MESSAGES_MAX) {
        this.messages.shift();
      }
      return { added };
    }
    if (event.type === "room:chat-deleted") {
      const at = this.messages.findIndex((message) => message.id === event.message);
      if (at >= 0) {
        this.messages.splice(at, 1);
      }
      return { deleted: { id: event.message, by: event.by } };
    }
    return {};
  }
}
