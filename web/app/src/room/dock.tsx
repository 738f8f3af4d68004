/* dock.tsx - the own part, always in view: role and mute beyond doubt, and the few acts of every minute. */

import { useEffect, useRef, useState } from "preact/hooks";
import { isOnStage } from "@voicerooms/client";
import type { MicrophoneStatus, Participant, Room } from "@voicerooms/client";
import { Action } from "../ui/action.js";
import { IconChat, IconHand, IconLeave, IconMic, IconMicOff, IconSmile } from "../ui/icons.js";
import { roleNames } from "./may.js";
import { useLevel, useMicrophone } from "./use-room.js";

const reactions = [
  { text: "👏", name: "Clap" },
  { text: "❤️", name: "Heart" },
  { text: "😂", name: "Laugh" },
  { text: "🎉", name: "Celebrate" },
  { text: "👍", name: "Agree" },
  { text: "🤔", name: "Wonder" },
];

interface Props {
  room: Room;
  self: Participant | undefined;
  unread: number;
  panelOpen: boolean;
  togglePanel: () => void;
}

export function Dock({ room, self, unread, panelOpen, togglePanel }: Props) {
  const microphone = useMicrophone(room);
  const stage = self !== undefined && isOnStage(self);
  const level = useLevel(room, room.selfParticipant, stage && room.selfOpen);
  const tone = !stage ? "" : room.selfOpen && microphone.state === "on" ? "live" : "mute";
  return (
    <footer class={`dock ${tone}`}>
      <div class={`own ring-${level}`} role="status">
        <span class="own-dot" aria-hidden="true" />
        <span>
          <strong>{self ? ownLine(room, self, microphone) : "…"}</strong>
          <small>{self ? roleNames[self.role] : ""}</small>
        </span>
      </div>
      <div class="dock-acts">
        {stage && <MuteButton room={room} self={self} microphone={microphone} />}
        {self && !stage && <HandButton room={room} self={self} />}
        <Reactions room={room} />
        <button
          type="button"
          class={`round panel-toggle ${panelOpen ? "on" : ""}`}
          aria-expanded={panelOpen}
          aria-controls="panel"
          aria-label={unread ? `Chat and hands, ${unread} new` : "Chat and hands"}
          onClick={togglePanel}
        >
          <IconChat />
          {unread > 0 && <span class="unread">{unread > 99 ? "99+" : unread}</span>}
        </button>
        <Action run={() => room.leave()} class="round leave" label="Leave quietly">
          <IconLeave />
        </Action>
      </div>
    </footer>
  );
}

function ownLine(room: Room, self: Participant, microphone: MicrophoneStatus): string {
  if (!isOnStage(self)) {
    return self.hand ? `Hand raised, place ${self.hand.position}` : "You are listening";
  }
  if (self.muted_by_moderator) {
    return "Muted by a moderator";
  }
  if (!room.selfOpen) {
    return "You are muted";
  }
  switch (microphone.state) {
    case "asking":
      return "Waiting for the microphone…";
    case "failed":
    case "off":
      return "No microphone";
    default:
      return "You can be heard";
  }
}

function MuteButton({ room, self, microphone }: { room: Room; self: Participant; microphone: MicrophoneStatus }) {
  const open = room.selfOpen;
  if (microphone.state === "failed") {
    return (
      <Action run={() => room.retryMicrophone()} class="round mic shut" label="No microphone: try again">
        <IconMicOff />
        <span class="wide-only">No microphone</span>
      </Action>
    );
  }
  const locked = self.muted_by_moderator;
  const name = locked ? "Muted by a moderator" : open ? "Mute (M)" : "Unmute (M)";
  return (
    <Action
      run={() => (open ? room.mute() : room.unmute())}
      class={`round mic ${open ? "open" : "shut"}`}
      label={name}
      disabled={locked}
    >
      {open ? <IconMic /> : <IconMicOff />}
      <span class="wide-only">{locked ? "Muted" : open ? "Mute" : "Unmute"}</span>
    </Action>
  );
}

function HandButton({ room, self }: { room: Room; self: Participant }) {
  const up = self.hand !== null;
  return (
    <Action
      run={() => (up ? room.lowerHand() : room.raiseHand())}
      class={`round hand-button ${up ? "on" : ""}`}
      label={up ? "Lower hand (R)" : "Raise hand (R)"}
      pressed={up}
    >
      <IconHand />
      <span class="wide-only">{up ? "Lower hand" : "Raise hand"}</span>
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
      <button type="button" class="round" aria-label="React" aria-expanded={open} onClick={() => setOpen(!open)}>
        <IconSmile />
      </button>
      {open && (
        <div class="reaction-bar" role="group" aria-label="Reactions">
          {reactions.map((reaction) => (
            <Action key={reaction.name} class="emoji" label={reaction.name} run={() => room.react(reaction.text)} done={() => setOpen(false)}>
              {reaction.text}
            </Action>
          ))}
        </div>
      )}
    </div>
  );
}
