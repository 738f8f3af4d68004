/* room-view.tsx - the room: who is on stage, who listens, what is written, and the own part below. */

import { useEffect, useRef, useState } from "preact/hooks";
import { isOnStage } from "@voicerooms/client";
import type { Room } from "@voicerooms/client";
import { shareLink } from "../identity.js";
import { useNotices } from "../notices.js";
import { IconLock, IconMore, IconShare } from "../ui/icons.js";
import { useAnnouncements } from "./announce.js";
import { Banners } from "./banners.js";
import { Dock } from "./dock.js";
import { isModerator } from "./may.js";
import { Panel } from "./panel.js";
import { People } from "./people.js";
import { PersonDialog } from "./person-dialog.js";
import { RoomMenu } from "./room-menu.js";
import { useChat, useRoomState } from "./use-room.js";

export function RoomView({ room }: { room: Room }) {
  const state = useRoomState(room);
  const chat = useChat(room);
  const [selected, setSelected] = useState<number>();
  const [menu, setMenu] = useState(false);
  const [panel, setPanel] = useState(false);
  const unread = useUnread(chat.length + state.hands.length, panel);
  useAnnouncements(room);
  useShortcuts(room);
  useEffect(() => {
    document.title = `${state.room.title} · Voicerooms`;
  }, [state.room.title]);
  const person = selected === undefined ? undefined : state.participants.get(selected);
  return (
    <div class="room">
      <header class="room-head">
        <div class="grow">
          <h1 dir="auto">{state.room.title}</h1>
          <p class="muted">
            {state.room.topic && <span>{state.room.topic} · </span>}
            <span>{state.participants.size} here</span>
            {state.room.locked && (
              <span class="chip">
                <IconLock /> Locked
              </span>
            )}
          </p>
        </div>
        <Share room={room} />
        {isModerator(room.self) && (
          <button type="button" class="round" aria-label="Manage the room" aria-haspopup="dialog" onClick={() => setMenu(true)}>
            <IconMore />
          </button>
        )}
      </header>
      <main class="room-main">
        <Banners room={room} state={state} />
        <People room={room} state={state} onSelect={setSelected} />
      </main>
      <Panel room={room} state={state} chat={chat} open={panel} onClose={() => setPanel(false)} />
      <Dock room={room} self={room.self} unread={unread} panelOpen={panel} togglePanel={() => setPanel(!panel)} />
      {person && <PersonDialog room={room} person={person} onClose={() => setSelected(undefined)} />}
      {menu && <RoomMenu room={room} state={state} onClose={() => setMenu(false)} />}
    </div>
  );
}

function Share({ room }: { room: Room }) {
  const notices = useNotices();
  const share = async () => {
    const link = shareLink(room.id);
    try {
      await navigator.clipboard.writeText(link);
      notices.say("The link to this room is copied.");
    } catch {
      /* Pages without https may not write to the clipboard: show it to be copied by hand. */
      notices.say(link);
    }
  };
  return (
    <button type="button" class="round" aria-label="Copy the link to this room" onClick={() => void share()}>
      <IconShare />
    </button>
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

function useShortcuts(room: Room): void {
  const notices = useNotices();
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      const typing = target.closest("input, textarea, select, dialog, [contenteditable]") !== null;
      const self = room.self;
      if (typing || event.repeat || event.ctrlKey || event.metaKey || event.altKey || !self) {
        return;
      }
      const key = event.key.toLowerCase();
      if (key === "m" && isOnStage(self) && !self.muted_by_moderator) {
        (room.selfOpen ? room.mute() : room.unmute()).catch(notices.fail);
      } else if (key === "r" && !isOnStage(self)) {
        (self.hand ? room.lowerHand() : room.raiseHand()).catch(notices.fail);
      }
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [room, notices]);
}
