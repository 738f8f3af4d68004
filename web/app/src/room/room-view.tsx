/* room-view.tsx - the room: who is on stage, who listens, what is written, and the own part below. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { isOnStage } from "@voicerooms/client";
import type { Participant, Room } from "@voicerooms/client";
import { t, tn } from "../i18n.js";
import { IconLock, IconMore, IconSettings, IconShare } from "../ui/icons.js";
import { SettingsDialog } from "../ui/settings-dialog.js";
import { ShareDialog } from "../ui/share.js";
import { useAnnouncements } from "./announce.js";
import { Banners } from "./banners.js";
import { Connection } from "./connection.js";
import { useDevice } from "./device.js";
import { Dock } from "./dock.js";
import { isModerator } from "./may.js";
import { MicrophoneChoice } from "./microphone-choice.js";
import { Panel } from "./panel.js";
import { People } from "./people.js";
import { PersonDialog } from "./person-dialog.js";
import { RoomMenu } from "./room-menu.js";
import { useKeys, usePushToTalk, useTalk } from "./use-keys.js";
import { useChat, useRoomState } from "./use-room.js";

type Open = "menu" | "share" | "settings" | "keys";

export function RoomView({ room }: { room: Room }) {
  const state = useRoomState(room);
  const chat = useChat(room);
  const [selected, setSelected] = useState<Participant>();
  const [open, setOpen] = useState<Open>();
  const [panel, setPanel] = useState(false);
  const unread = useUnread(chat.length + state.hands.length, panel);
  const talk = useTalk(room);
  const close = () => setOpen(undefined);
  useAnnouncements(room);
  useKeys(room, talk, useCallback(() => setOpen("keys"), []));
  usePushToTalk(room, room.self !== undefined && isOnStage(room.self));
  useDevice(room, state);
  useEffect(() => {
    document.title = `${state.room.title} · Voicerooms`;
  }, [state.room.title]);
  /* One of a large audience is not in the state; one of a small one that is not there any more has gone. */
  const person = selected && (state.participants.get(selected.participant) ?? (state.audience ? selected : undefined));
  const here = state.audience ? state.audience.listeners + [...state.participants.values()].filter(isOnStage).length : state.participants.size;
  return (
    <div class="room">
      <header class="room-head">
        <div class="grow">
          <h1 dir="auto">{state.room.title}</h1>
          <p class="muted">
            {state.room.topic && <span dir="auto">{state.room.topic} · </span>}
            <span>{tn(here, "{n} here", "{n} here")}</span>
            {state.room.locked && (
              <span class="chip">
                <IconLock /> {t("Locked")}
              </span>
            )}
          </p>
        </div>
        <Connection room={room} />
        <button type="button" class="round" aria-label={t("Invite people")} aria-haspopup="dialog" onClick={() => setOpen("share")}>
          <IconShare />
        </button>
        <button type="button" class="round" aria-label={t("Settings")} aria-haspopup="dialog" onClick={() => setOpen("settings")}>
          <IconSettings />
        </button>
        {isModerator(room.self) && (
          <button type="button" class="round" aria-label={t("Manage the room")} aria-haspopup="dialog" onClick={() => setOpen("menu")}>
            <IconMore />
          </button>
        )}
      </header>
      <main class="room-main">
        <Banners room={room} state={state} />
        <People room={room} state={state} onSelect={setSelected} />
      </main>
      <Panel room={room} state={state} chat={chat} open={panel} onClose={() => setPanel(false)} />
      <Dock room={room} self={room.self} unread={unread} panelOpen={panel} togglePanel={() => setPanel(!panel)} talk={talk} />
      {person && <PersonDialog room={room} person={person} onClose={() => setSelected(undefined)} />}
      {open === "menu" && <RoomMenu room={room} state={state} onClose={close} />}
      {open === "share" && <ShareDialog room={room.id} title={state.room.title} onClose={close} />}
      {(open === "settings" || open === "keys") && (
        <SettingsDialog key={open} keysFirst={open === "keys"} onClose={close}>
          {open === "settings" && room.self && isOnStage(room.self) && <MicrophoneChoice room={room} />}
        </SettingsDialog>
      )}
    </div>
  );
}

/* What came in while the panel was closed; on wide screens the panel is always there and the number is not shown. */
function useUnread(count: number, open: boolean): number {
  const seen = useRef(count);
  if (open || count < seen.current) {
    seen.current = count;
  }
  return count - seen.current;
}
