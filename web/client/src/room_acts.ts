/* room_acts.ts - what a person can do in a room: one line for each act of docs/protocol.md.
 *
 * Every act resolves when the server has answered, and rejects with a VoiceroomError that says why not. */

import { Emitter } from "./emitter.js";
import type { Analytics, AuditEntry, Ban, Participant, RequestType, RoomSettings } from "./protocol.js";
import type { RoomEvents } from "./room_events.js";

export abstract class RoomActs extends Emitter<RoomEvents> {
  protected abstract act(type: RequestType, fields?: Record<string, unknown>): Promise<void>;

  /** What the room keeps beside its state; `path` after "/v1/rooms/{id}/". */
  protected abstract read<T>(path: string): Promise<T>;

  /* ---- own acts ---- */

  raiseHand(): Promise<void> {
    return this.act("room:hand-raise");
  }

  lowerHand(): Promise<void> {
    return this.act("room:hand-lower");
  }

  acceptInvitation(): Promise<void> {
    return this.act("room:accept");
  }

  declineInvitation(): Promise<void> {
    return this.act("room:decline");
  }

  /** Leave the stage, stay in the room. */
  stepDown(): Promise<void> {
    return this.act("room:demote");
  }

  react(reaction: string): Promise<void> {
    return this.act("room:reaction", { reaction });
  }

  chat(text: string): Promise<void> {
    return this.act("room:chat", { text });
  }

  deleteChat(message: string): Promise<void> {
    return this.act("room:chat-delete", { message });
  }

  report(participant: number, reason: string): Promise<void> {
    return this.act("room:report", { participant, reason });
  }

  /* ---- moderation ---- */

  mutePerson(participant: number): Promise<void> {
    return this.act("room:mute", { participant });
  }

  unmutePerson(participant: number): Promise<void> {
    return this.act("room:unmute", { participant });
  }

  muteAll(): Promise<void> {
    return this.act("room:mute-all");
  }

  askUnmute(participant: number): Promise<void> {
    return this.act("room:ask-unmute", { participant });
  }

  promote(participant: number): Promise<void> {
    return this.act("room:promote", { participant });
  }

  demote(participant: number): Promise<void> {
    return this.act("room:demote", { participant });
  }

  invite(participant: number): Promise<void> {
    return this.act("room:invite", { participant });
  }

  declineHand(participant: number): Promise<void> {
    return this.act("room:hand-lower", { participant });
  }

  makeModerator(participant: number): Promise<void> {
    return this.act("room:make-moderator", { participant });
  }

  transferHost(participant: number): Promise<void> {
    return this.act("room:transfer-host", { participant });
  }

  kick(participant: number, reason = ""): Promise<void> {
    return this.act("room:kick", { participant, reason: reason || undefined });
  }

  ban(participant: number, options: { reason?: string; durationS?: number; byAddress?: boolean } = {}): Promise<void> {
    return this.act("room:ban", {
      participant,
      reason: options.reason || undefined,
      duration_s: options.durationS,
      by_address: options.byAddress,
    });
  }

  unban(ban: string): Promise<void> {
    return this.act("room:unban", { ban });
  }

  lock(locked: boolean): Promise<void> {
    return this.act("room:lock", { locked });
  }

  update(settings: Partial<RoomSettings>): Promise<void> {
    return this.act("room:update", { ...settings });
  }

  end(reason = ""): Promise<void> {
    return this.act("room:end", { reason: reason || undefined });
  }

  /* ---- what is kept ---- */

  async bans(): Promise<Ban[]> {
    return (await this.read<{ bans: Ban[] }>("bans")).bans;
  }

  /** Everybody, also the audience of a large room that the state does not hold, in pages by number; `name`: those whose
   *  name holds it. */
  people(page: { after?: number; limit?: number; name?: string } = {}): Promise<{ participants: Participant[]; next_after: number | null }> {
    const name = page.name ? `&name=${encodeURIComponent(page.name)}` : "";
    return this.read(`participants?after=${page.after ?? 0}&limit=${page.limit ?? 100}${name}`);
  }

  /** Who did what, newest first: for moderators. */
  async audit(): Promise<AuditEntry[]> {
    return (await this.read<{ entries: AuditEntry[] }>("audit")).entries;
  }

  analytics(): Promise<Analytics> {
    return this.read<Analytics>("analytics");
  }
}
