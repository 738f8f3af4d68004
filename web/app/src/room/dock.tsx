/* dock.tsx - the own part, always in view: role and mute beyond doubt, and the few acts of every minute. */

import { useEffect, useRef, useState } from "preact/hooks";
import { isOnStage } from "@voicerooms/client";
import type { MicrophoneStatus, Participant, Room } from "@voicerooms/client";
import { msg, t } from "../i18n.js";
import { keyName, useSettings } from "../settings.js";
import { Action } from "../ui/action.js";
import { IconChat, IconHand, IconLeave, IconMic, IconMicOff, IconSmile } from "../ui/icons.js";
import { roleName } from "./may.js";
import { useLevel, useMicrophone } from "./use-room.js";
import type { Talk } from "./use-keys.js";

const reactions = [
  { text: "👏", name: msg("Clap") },
  { text: "❤️", name: msg("Heart") },
  { text: "😂", name: msg("Laugh") },
  { text: "🎉", name: msg("Celebrate") },
  { text: "👍", name: msg("Agree") },
  { text: "🤔", name: msg("Wonder") },
];

interface Props {
  room: Room;
  self: Participant | undefined;
  unread: number;
  panelOpen: boolean;
  togglePanel: () => void;
  talk: Talk;
}

export function Dock({ room, self, unread, panelOpen, togglePanel, talk }: Props) {
  const microphone = useMicrophone(room);
  const stage = self !== undefined && isOnStage(self);
  const level = useLevel(room, room.selfParticipant, stage && room.selfOpen);
  const { pushToTalk } = useSettings();
  const tone = !stage ? "" : room.selfOpen && microphone.state === "on" ? "live" : "mute";
  return (
    <footer class={`dock ${tone}`}>
      <div class={`own ring-${level}`} role="status">
        <span class="own-dot" aria-hidden="true" />
        <span>
          <strong>{self ? ownLine(room, self, microphone) : "…"}</strong>
          <small>{self ? roleName(self.role) : ""}</small>
        </span>
      </div>
      <div class="dock-acts">
        {stage && (pushToTalk && microphone.state !== "failed" && !self.muted_by_moderator ? <TalkButton open={room.selfOpen} talk={talk} /> : <MuteButton room={room} self={self} microphone={microphone} />)}
        {self && !stage && <HandButton room={room} self={self} />}
        <Reactions room={room} />
        <button
          type="button"
          class={`round panel-toggle ${panelOpen ? "on" : ""}`}
          aria-expanded={panelOpen}
          aria-controls="panel"
          aria-label={unread ? t("Chat and hands, {n} new", { n: unread }) : t("Chat and hands")}
          onClick={togglePanel}
        >
          <IconChat />
          {unread > 0 && <span class="unread">{unread > 99 ? "99+" : unread}</span>}
        </button>
        <Action run={() => room.leave()} class="round leave" label={t("Leave quietly")}>
          <IconLeave />
        </Action>
      </div>
    </footer>
  );
}

function ownLine(room: Room, self: Participant, microphone: MicrophoneStatus): string {
  if (!isOnStage(self)) {
    return self.hand ? t("Hand raised, place {n}", { n: self.hand.position }) : t("You are listening");
  }
  if (self.muted_by_moderator) {
    return t("Muted by a moderator");
  }
  if (!room.selfOpen) {
    return t("You are muted");
  }
  switch (microphone.state) {
    case "asking":
      return t("Waiting for the microphone…");
    case "failed":
    case "off":
      return t("No microphone");
    default:
      return t("You can be heard");
  }
}

function MuteButton({ room, self, microphone }: { room: Room; self: Participant; microphone: MicrophoneStatus }) {
  const open = room.selfOpen;
  const keys = useKeyNames();
  if (microphone.state === "failed") {
    return (
      <Action run={() => room.retryMicrophone()} class="round mic shut" label={t("No microphone: try again")}>
        <IconMicOff />
        <span class="wide-only">{t("No microphone")}</span>
      </Action>
    );
  }
  const locked = self.muted_by_moderator;
  const name = locked ? t("Muted by a moderator") : withKey(open ? t("Mute") : t("Unmute"), keys.mute);
  return (
    <Action
      run={() => (open ? room.mute() : room.unmute())}
      class={`round mic ${open ? "open" : "shut"}`}
      label={name}
      disabled={locked}
    >
      {open ? <IconMic /> : <IconMicOff />}
      <span class="wide-only">{locked ? t("Muted") : open ? t("Mute") : t("Unmute")}</span>
    </Action>
  );
}

/* Held, by finger, mouse or key: open; let go: silent. */
function TalkButton({ open, talk }: { open: boolean; talk: Talk }) {
  const keys = useKeyNames();
  return (
    <button
      type="button"
      class={`round mic talk ${open ? "open" : "shut"}`}
      aria-label={withKey(t("Hold to talk"), keys.talk)}
      aria-pressed={open}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        talk.begin();
      }}
      onPointerUp={talk.end}
      onPointerCancel={talk.end}
      onKeyDown={(event) => (event.key === " " || event.key === "Enter") && !event.repeat && talk.begin()}
      onKeyUp={(event) => (event.key === " " || event.key === "Enter") && talk.end()}
      onBlur={talk.end}
      onContextMenu={(event) => event.preventDefault()}
    >
      {open ? <IconMic /> : <IconMicOff />}
      <span class="wide-only">{t("Hold to talk")}</span>
    </button>
  );
}

function useKeyNames(): Record<"mute" | "talk" | "hand" | "help", string> {
  const { shortcuts, keys } = useSettings();
  const name = (key: string) => (shortcuts ? keyName(key) : "");
  return { mute: name(keys.mute), talk: name(keys.talk), hand: name(keys.hand), help: name(keys.help) };
}

function withKey(text: string, key: string): string {
  return key ? `${text} (${key})` : text;
}

function HandButton({ room, self }: { room: Room; self: Participant }) {
  const up = self.hand !== null;
  return (
    <Action
      run={() => (up ? room.lowerHand() : room.raiseHand())}
      class={`round hand-button ${up ? "on" : ""}`}
      label={withKey(up ? t("Lower hand") : t("Raise hand"), useKeyNames().hand)}
      pressed={up}
    >
      <IconHand />
      <span class="wide-only">{up ? t("Lower hand") : t("Raise hand")}</span>
    </Action>
  );
}

function Reactions({ room }: { room: Room }) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) {
      return undefined;
    }
    const away = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) {
        setOpen(false);
      }
    };
    const escape = (event: KeyboardEvent) => event.key === "Escape" && setOpen(false);
    addEventListener("pointerdown", away);
    addEventListener("keydown", escape);
    return () => {
      removeEventListener("pointerdown", away);
      removeEventListener("keydown", escape);
    };
  }, [open]);
  return (
    <div class="reactions" ref={box}>
      <button type="button" class="round" aria-label={t("React")} aria-expanded={open} onClick={() => setOpen(!open)}>
        <IconSmile />
      </button>
      {open && (
        <div class="reaction-bar" role="group" aria-label={t("Reactions")}>
          {reactions.map((reaction) => (
            <Action key={reaction.name} class="emoji" label={t(reaction.name)} run={() => room.react(reaction.text)} done={() => setOpen(false)}>
              {reaction.text}
            </Action>
          ))}
        </div>
      )}
    </div>
  );
}
