/* client.ts - where it starts: a server, who we are on it, its rooms. */

import { askRelays, SLOTS } from "./asks.js";
import type { JoinOptions } from "./asks.js";
import { Lobby } from "./lobby.js";
import { browserPlatform } from "./platform.js";
import type { Platform } from "./platform.js";
import { Prepared } from "./prepared.js";
import type { Analytics, GuestToken, Reminder, ReminderTold, Report, ReportOutcome, RoomInfo, RoomPage, RoomSettings } from "./protocol.js";
import { Rest } from "./rest.js";
import { Room } from "./room.js";

export interface VoiceRoomsOptions {
  /** The server, "https://voice.example"; in a browser the page's own origin when left out. */
  url?: string;
  token?: string;
  platform?: Platform;
}

export interface RoomQuery {
  phase?: string;
  q?: string;
  topic?: string;
  tag?: string;
  language?: string;
  sort?: "live" | "created" | "starts_at" | "title";
  limit?: number;
  cursor?: string;
}

export class VoiceRooms {
  private readonly rest: Rest;
  private readonly platform: Platform;
  private readonly prepared: Prepared;

  constructor(options: VoiceRoomsOptions = {}) {
    this.platform = options.platform ?? browserPlatform();
    this.rest = new Rest((options.url ?? location.origin).replace(/\/+$/, ""), this.platform);
    this.rest.token = options.token;
    this.prepared = new Prepared({ platform: this.platform, relays: () => (this.rest.token ? askRelays(this.rest) : undefined) });
  }

  get token(): string | undefined {
    return this.rest.token;
  }

  setToken(token: string | undefined): void {
    this.rest.token = token;
  }

  /** Come in with a name, where the server allows guests. The token is used from then on. */
  async guest(name: string, code?: string): Promise<GuestToken> {
    const guest = await this.rest.json<GuestToken>("/v1/guests", { method: "POST", json: { name, code } });
    this.rest.token = guest.token;
    return guest;
  }

  listRooms(query: RoomQuery = {}): Promise<RoomPage> {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined && value !== "") {
        search.set(name, String(value));
      }
    }
    const text = search.toString();
    return this.rest.json<RoomPage>(`/v1/rooms${text ? `?${text}` : ""}`);
  }

  getRoom(id: string): Promise<RoomInfo> {
    return this.rest.json<RoomInfo>(`/v1/rooms/${encodeURIComponent(id)}`);
  }

  /** `key` (one for each intent) makes a repeated creation harmless. */
  createRoom(settings: RoomSettings, key: string): Promise<RoomInfo> {
    return this.rest.json<RoomInfo>("/v1/rooms", {
      method: "POST",
      json: settings,
      headers: { "Idempotency-Key": key },
    });
  }

  /** For hosts and moderators, also after the room has ended. */
  analytics(id: string): Promise<Analytics> {
    return this.rest.json<Analytics>(`/v1/rooms/${encodeURIComponent(id)}/analytics`);
  }

  startRoom(id: string): Promise<unknown> {
    return this.rest.send(`/v1/rooms/${encodeURIComponent(id)}/start`, { method: "POST" });
  }

  /** Be told ten minutes before a scheduled room begins, and when it does: by lobby(), and in rooms by "reminder". */
  remind(id: string): Promise<Reminder> {
    return this.rest.json<Reminder>(`/v1/rooms/${encodeURIComponent(id)}/reminder`, { method: "PUT" });
  }

  forgetReminder(id: string): Promise<unknown> {
    return this.rest.send(`/v1/rooms/${encodeURIComponent(id)}/reminder`, { method: "DELETE" });
  }

  async reminders(): Promise<Reminder[]> {
    return (await this.rest.json<{ reminders: Reminder[] }>("/v1/reminders")).reminders;
  }

  /** The moderation queue, newest first: all of it for `admin`, the own room's for `roomAdmin`. */
  async reports(query: { status?: "open" | "resolved" | "all"; room?: string } = {}): Promise<Report[]> {
    const search = new URLSearchParams();
    Object.entries(query).forEach(([name, value]) => value && search.set(name, value));
    return (await this.rest.json<{ reports: Report[] }>(`/v1/reports?${search.toString()}`)).reports;
  }

  /** Say what came of a report. `conflict`: somebody else has decided. */
  resolveReport(id: string, outcome: ReportOutcome, note = ""): Promise<Report> {
    return this.rest.json<Report>(`/v1/reports/${encodeURIComponent(id)}/resolve`, {
      method: "POST",
      json: { outcome, note: note || undefined },
    });
  }

  /** Hear of what one wanted to be reminded of while in no room. It comes back by itself until it is closed. */
  lobby(onReminder: (reminder: ReminderTold) => void): Lobby {
    return new Lobby({ url: this.rest.base, token: () => this.rest.token, platform: this.platform, onReminder });
  }

  /** Where a room's door is shown: makes the connection that the next join will use, so that it takes less time. It asks the person for
   *  nothing, opens no way to the server, never rejects, and is thrown away when nobody goes in for five minutes. Good to call again. */
  prepare({ slots = SLOTS }: Pick<JoinOptions, "slots"> = {}): Promise<void> {
    return this.prepared.make(slots);
  }

  /** In the room, or why not. Call it from a click, so that the browser lets sound play. */
  async join(id: string, options: JoinOptions = {}): Promise<Room> {
    const room = new Room(id, this.rest.fork(), this.platform, { ...options, prepared: this.prepared });
    await room.enter();
    return room;
  }
}
