/* room.ts - one room that this client is in: its state, its acts, and coming back after every kind of loss.
 *
 *   joining -> live <-> reconnecting -> over
 *
 * Lost socket: signalling.ts reconnects with the resume token, and the connection that carries sound is not touched:
 * a node that restarts has it still, and whoever is back within two seconds was never away. Lost media, or a server that was restarted:
 * a join with the resume token and a new peer, on each known node in turn. A node that is about to go
 * (`server:draining`): a new peer on another node, before the old one closes. All end in the same place, in the
 * same role, as muted as before. `over` is final and says why. */

import { Absence } from "./absence.js";
import { askPlace, askRelays, askRestart, SLOTS } from "./asks.js";
import type { EnterOptions } from "./asks.js";
import { patientBackoff } from "./backoff.js";
import { ChatLog } from "./chat_log.js";
import { Commands } from "./commands.js";
import { asVoiceroomError, VoiceroomError } from "./errors.js";
import { Media } from "./media.js";
import { Mirror } from "./mirror.js";
import { NodeList } from "./nodes.js";
import type { MicrophoneStatus } from "./microphone.js";
import { capabilitiesOf } from "./peer.js";
import type { Peer, PeerState, PeerStats } from "./peer.js";
import { sleep } from "./platform.js";
import type { MicrophoneOptions, Platform } from "./platform.js";
import { closeCode } from "./protocol.js";
import type { JoinAnswer, Participant, RequestType, RoomEvent, Snapshot } from "./protocol.js";
import type { Quality } from "./quality.js";
import { QualityWatch } from "./quality_watch.js";
import type { Rest } from "./rest.js";
import { Returns } from "./returns.js";
import { RoomActs } from "./room_acts.js";
import { endingOf, overBecause } from "./room_events.js";
import type { ChatMessage, RoomEvents, RoomOver, RoomStatus } from "./room_events.js";
import { Signalling } from "./signalling.js";
import { isOnStage, maySpeak } from "./state.js";
import type { RoomState } from "./state.js";
import { until, untilSelf } from "./until_self.js";

const LEAVE_PATIENCE_MS = 1_500;
const LAST_WORDS_MS = 600;
const FIRST_SOCKET_MS = 8_000;

export class Room extends RoomActs {
  private statusNow: RoomStatus = "joining";
  private selfId = 0;
  private session = "";
  private token = "";
  private ending: RoomOver | undefined;
  private selfMuted = false;
  private silenced = false;
  private entered = false;
  /* The access token has run out while we were here; the resume token alone still proves who we are. */
  private tokenOld = false;
  private readonly mirror: Mirror;
  private readonly media: Media;
  private readonly signalling: Signalling;
  private readonly stopWake: () => void;
  private readonly chats = new ChatLog();
  private readonly nodes: NodeList;
  private readonly returns: Returns;
  private readonly watch: QualityWatch;
  private readonly commands: Commands;
  private readonly absence: Absence;
  /** How loud each person is here, 0..1; who is missing: 1. Taken up within a tenth of a second. */
  readonly volumes = new Map<number, number>();

  constructor(
    readonly id: string,
    private readonly rest: Rest,
    private readonly platform: Platform,
    private readonly options: EnterOptions,
  ) {
    super();
    this.token = options.resumeToken ?? "";
    this.mirror = new Mirror({
      now: () => platform.timers.now(),
      askSnapshot: async () => (await this.signalling.request("room:snapshot")).result as unknown as Snapshot,
      onState: (state) => this.stateChanged(state),
      self: () => this.selfId,
    });
    this.nodes = new NodeList(rest.base);
    this.returns = new Returns({
      timers: platform.timers, random: platform.random,
      nodes: this.nodes,
      isOver: () => this.statusNow === "over",
      join: (make) => this.joinOnce(make),
      forgetToken: () => !this.tokenOld && (this.tokenOld = true),
      onReturning: () => {
        this.signalling.stop();
        this.absence.begin();
      },
      onRefused: (error) => this.finish(overBecause(error)),
    });
    this.watch = new QualityWatch({
      timers: platform.timers, stats: () => this.media.stats(),
      ask: (timeoutMs) => this.signalling.request("session:sound-clock", {}, timeoutMs),
      onQuality: (quality) => this.emit("quality", quality),
      send: (report) => this.act("room:quality", { report }),
    });
    this.media = new Media({
      platform,
      slots: options.slots ?? SLOTS, prepared: options.prepared,
      volumes: this.volumes,
      exchange: (offer) => askRestart(rest, this.session, offer),
      relays: () => askRelays(rest),
      onLost: () => void this.mediaLost(),
      onState: (state) => this.mediaChanged(state),
      onSpeaking: (levels) => this.emit("speaking", levels),
      onHeard: (readings) => this.watch.hear(readings),
      onMicrophone: (status) => this.emit("microphone", status),
      onAudioBlocked: () => this.setAudioBlocked(true),
      microphone: options.microphone ?? {},
    });
    this.absence = new Absence({
      timers: platform.timers,
      onLong: () => this.setStatus("reconnecting"),
      alive: () => this.media.alive(),
      mayLeave: () => this.signalling.state !== "open" && this.nodes.others().length > 0,
      leave: () => void this.rejoin(),
    });
    this.signalling = new Signalling({
      url: () => `${rest.base.replace(/^http/, "ws")}/v1/ws`,
      platform,
      backoff: patientBackoff(platform.random),
      first: () => ({ type: "room:resume", fields: this.proof() }),
      onReady: (answer) => this.bound(answer.result as unknown as JoinAnswer),
      onEvent: (event) => this.receive(event),
      onComplaint: (error) => error.code === "media-lost" && void this.mediaLost(),
      onDown: () => this.absence.begin(),
      onStuck: (failures) => void this.absence.judge(failures),
      onRefused: () => void this.rejoin(),
      onOver: (code) => this.closedByServer(code),
    });
    this.commands = new Commands({
      timers: platform.timers,
      request: (type, fields) => this.signalling.request(type, fields),
      isOpen: () => this.signalling.state === "open",
      isOver: () => this.statusNow === "over",
      follow: (look) => this.followSocket(look),
    });
    this.stopWake = platform.onWake((why) => {
      this.signalling.wake();
      this.media.wake(why);
    });
  }

  get status(): RoomStatus {
    return this.statusNow;
  }

  get state(): RoomState {
    return this.mirror.state;
  }

  get self(): Participant | undefined {
    return this.mirror.state.participants.get(this.selfId);
  }

  get selfParticipant(): number {
    return this.selfId;
  }

  get resumeToken(): string {
    return this.token;
  }

  /** Chat since this client joined, oldest first. */
  get chatLog(): readonly ChatMessage[] {
    return this.chats.all;
  }

  get microphone(): MicrophoneStatus {
    return this.media.microphone.state;
  }

  /** The open microphone, to be measured or shown; never to be stopped or changed. */
  get microphoneTrack(): MediaStreamTrack | null {
    return this.media.microphone.current;
  }

  /** For diagnosis: false when the server's digests can't be reproduced. */
  get digestTrusted(): boolean {
    return this.mirror.digestTrusted;
  }

  /** Sound is held back by the browser until resumeAudio() is called in a gesture. */
  get audioBlocked(): boolean {
    return this.silenced;
  }

  get speaking(): RoomEvents["speaking"] {
    return this.media.speaking;
  }

  /** How good the sound was in the last two seconds. */
  get quality(): Quality {
    return this.watch.current;
  }

  /** The node that serves us now. */
  get node(): string {
    return this.nodes.current;
  }

  get mediaState(): PeerState {
    return this.media.state;
  }

  /** Can the own person be heard now, as far as mutes go. */
  get selfOpen(): boolean {
    return this.self !== undefined && maySpeak(this.self) && !this.selfMuted;
  }

  /** First entry. Used by VoiceRooms.join; throws what the server refused it with. */
  async enter(): Promise<void> {
    try {
      await this.returns.enter();
      this.entered = true;
    } catch (cause) {
      this.finish({ reason: "failed", detail: "", error: asVoiceroomError(cause) });
      throw asVoiceroomError(cause);
    }
  }

  async leave(): Promise<void> {
    if (this.statusNow === "over") {
      return;
    }
    const session = this.session;
    this.ending = { reason: "left", detail: "" };
    const answered = this.signalling.request("room:leave", {}, LEAVE_PATIENCE_MS);
    this.media.close();
    try {
      await answered;
    } catch {
      await this.rest.send(`/v1/sessions/${session}`, { method: "DELETE", keepalive: true }).catch(() => {});
    }
    this.finish({ reason: "left", detail: "" });
  }

  /** Inside a gesture. */
  async resumeAudio(): Promise<void> {
    await this.media.playAll();
    this.setAudioBlocked(false);
  }

  setVolume(volume: number): void {
    this.media.setVolume(volume);
  }

  retryMicrophone(options?: MicrophoneOptions): Promise<void> {
    return this.media.microphone.retry(options);
  }

  stats(): Promise<PeerStats | null> {
    return this.media.stats();
  }

  rawStats(): Promise<RTCStatsReport | null> {
    return this.media.rawStats();
  }

  /** Silent from this line on, whatever the network does; told to the server as soon as it can be. */
  async mute(): Promise<void> {
    this.setSelfMuted(true);
    await this.act("room:mute");
    await untilSelf(this, this.platform.timers, (self) => self.muted_by_self);
  }

  /** Lifts the own mute as it is shown now; a mute that came since then stands (`stale`). */
  async unmute(): Promise<void> {
    await this.act("room:unmute", { version: this.self?.mute_version });
    this.setSelfMuted(false);
    await untilSelf(this, this.platform.timers, (self) => !self.muted_by_self);
  }

  protected override read<T>(path: string): Promise<T> {
    return this.rest.json<T>(`/v1/rooms/${this.id}/${path}`);
  }

  /* ---- coming and coming back ---- */

  private async joinOnce(make: "first" | "move"): Promise<boolean> {
    this.rest.base = this.nodes.current;
    const { peer, offer } = await this.media.prepare();
    try {
      const asked = { offer, capabilities: capabilitiesOf(this.platform), passcode: this.options.passcode, resumeToken: this.token };
      const answer = await this.media.during(askPlace(this.rest, this.id, { ...asked, anonymous: this.tokenOld }), peer);
      if (this.statusNow === "over") {
        throw new VoiceroomError({ code: "client-closed" });
      }
      await this.adopt(make, peer, answer);
    } catch (cause) {
      this.rest.base = this.nodes.current;
      peer.close();
      throw cause;
    }
    this.signalling.start();
    return true;
  }

  /* The old socket is of the old session, whose end is no end of ours: it closes before anything is said on it. */
  private async adopt(make: "first" | "move", peer: Peer, answer: JoinAnswer): Promise<void> {
    const servers = answer.ice_servers ?? [];
    this.signalling.stop();
    this.absence.elsewhere();
    this.take(answer);
    this.watch.renewed();
    if (make === "first") {
      await this.media.adopt(peer, answer.sdp ?? "", answer.participant, servers);
      this.watch.joined();
    } else {
      this.signalling.start();
      if (!(await this.media.move(peer, answer.sdp ?? "", answer.participant, servers))) {
        this.signalling.stop();
        throw new VoiceroomError({ code: "client-timeout", detail: "the other node has no sound" });
      }
    }
  }

  /* Who is removed loses his media first and is told a moment later, since gates close before anything is
   * published. So while the socket is there its last words are waited for. */
  private async mediaLost(): Promise<void> {
    await sleep(this.platform.timers, this.signalling.state === "open" ? LAST_WORDS_MS : 0);
    await this.rejoin();
  }

  private async rejoin(): Promise<void> {
    if (this.entered) {
      await this.returns.rejoin();
    }
  }

  /* Who finds no other node waits: this one comes back, or closes the socket, and then it is a return as any. */
  private async draining(to?: string): Promise<void> {
    const from = this.rest.base;
    if (this.entered && this.nodes.others().length > 0 && !(await this.returns.move(to))) {
      this.rest.base = from;
      this.signalling.start();
      if (this.media.state === "failed" || this.media.state === "closed") {
        void this.rejoin();
      }
    }
  }

  private mediaChanged(state: PeerState): void {
    if (state === "connected") {
      this.watch.connected();
    }
    this.emit("media", state);
  }

  private proof(): object {
    return { room: this.id, resume_token: this.token, token: this.tokenOld ? undefined : this.rest.token };
  }

  /* The socket carries the session now. Its answer holds the whole state, so nothing in between is missed. */
  private bound(answer: JoinAnswer): void {
    this.take(answer);
    if (answer.media === "gone" && !this.returns.busy) {
      void this.rejoin();
      return;
    }
    this.absence.end();
    this.setStatus("live");
    if (this.selfMuted && this.self && isOnStage(this.self) && !this.self.muted_by_self) {
      this.act("room:mute").catch(() => {});
    }
  }

  private take(answer: JoinAnswer): void {
    this.session = answer.session;
    this.selfId = answer.participant;
    this.token = answer.resume_token;
    this.nodes.learn(answer.nodes ?? [], answer.own_nodes);
    this.emit("resumeToken", this.token);
    this.mirror.replace(answer.state);
  }

  /* Replaced while we return: by the session that our own join has made, or by somebody else's. Its answer tells. */
  private closedByServer(code: number): void {
    if (this.returns.busy && code === closeCode.sessionOver && (this.ending?.reason ?? "replaced") === "replaced") {
      this.ending = undefined;
    } else if (code === closeCode.replacedSocket) {
      this.finish({ reason: "replaced", detail: "", error: new VoiceroomError({ code: "client-replaced" }) });
    } else {
      this.finish(this.ending ?? { reason: "ended", detail: "" });
    }
  }

  private finish(over: RoomOver): void {
    if (this.statusNow === "over") {
      return;
    }
    this.setStatus("over");
    this.absence.end();
    this.stopWake();
    this.signalling.stop();
    this.media.close();
    this.watch.close();
    this.emit("over", over);
  }

  private receive(event: RoomEvent): void {
    this.mirror.receive(event);
    this.passOn(event);
    this.emit("event", event);
  }

  private passOn(event: RoomEvent): void {
    this.ending = endingOf(event) ?? this.ending;
    const { added, deleted } = this.chats.receive(event);
    if (added) {
      this.emit("chat", added);
    }
    if (deleted) {
      this.emit("chatDeleted", deleted);
    }
    if (event.type === "room:reaction") {
      this.emit("reaction", { who: event.who, reaction: event.reaction });
    } else if (event.type === "room:unmute-asked") {
      this.emit("unmuteAsked", { by: event.by });
    } else if (event.type === "room:active-speakers") {
      this.media.heard(event.speakers);
    } else if (event.type === "schedule:reminder") {
      this.emit("reminder", event);
    } else if (event.type === "session:repair") {
      void (event.act === "restart" ? this.media.repair() : this.returns.rebuild());
    } else if (event.type === "server:draining") {
      void this.draining(event.node);
    }
  }

  private stateChanged(state: RoomState): void {
    if (this.self && !isOnStage(this.self)) {
      this.selfMuted = false;
    }
    this.syncMicrophone();
    this.emit("state", state);
  }

  private setAudioBlocked(blocked: boolean): void {
    this.silenced = blocked;
    this.emit("audioBlocked", blocked);
  }

  private setSelfMuted(muted: boolean): void {
    this.selfMuted = muted;
    this.syncMicrophone();
    this.emit("state", this.mirror.state);
  }

  private syncMicrophone(): void {
    const self = this.self;
    if (this.statusNow !== "over") {
      this.media.microphone.set(self !== undefined && isOnStage(self), this.selfOpen);
    }
  }

  private setStatus(status: RoomStatus): void {
    if (this.statusNow !== status && this.statusNow !== "over") {
      this.statusNow = status;
      this.emit("status", status);
    }
  }

  /* Right after join() the socket is still on its way: who is let in may act at once. */
  protected override async act(type: RequestType, fields: Record<string, unknown> = {}): Promise<void> {
    if (this.statusNow === "joining" && this.entered) {
      await until(this.platform.timers, FIRST_SOCKET_MS, (look) => this.on("status", look), () => this.statusNow !== "joining");
    }
    await this.commands.send(type, fields);
  }

  /* A socket that is bound again brings a fresh token, also when the status never changed (a move). */
  private followSocket(look: () => void): () => void {
    const stops = [this.on("resumeToken", look), this.on("status", look)];
    return () => stops.forEach((stop) => stop());
  }
}
