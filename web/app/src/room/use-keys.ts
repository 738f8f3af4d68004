/* use-keys.ts - the keys of a room, and holding one to talk. Off or changed in the settings (WCAG 2.1.4). */

import { useEffect, useMemo, useRef } from "preact/hooks";
import { isOnStage } from "@voicerooms/client";
import type { Room } from "@voicerooms/client";
import { useNotices } from "../notices.js";
import { useSettings } from "../settings.js";

/** Open while held. Ends come from many sides (let go, focus lost, window left): more than one is harmless. */
export interface Talk {
  begin: () => void;
  end: () => void;
}

export function useTalk(room: Room): Talk {
  const notices = useNotices();
  const held = useRef(false);
  /* The answer to one is awaited before the next, or a quick tap could end open. */
  const chain = useRef(Promise.resolve());
  return useMemo(() => {
    const follow = () => {
      chain.current = chain.current
        .then(() => {
          const self = room.self;
          const may = self !== undefined && isOnStage(self) && !self.muted_by_moderator;
          return may && held.current !== room.selfOpen ? (held.current ? room.unmute() : room.mute()) : undefined;
        })
        .catch(notices.fail);
    };
    return {
      begin() {
        if (!held.current) {
          held.current = true;
          follow();
        }
      },
      end() {
        if (held.current) {
          held.current = false;
          follow();
        }
      },
    };
  }, [room, notices]);
}

/** Who has chosen push to talk comes on stage silent. */
export function usePushToTalk(room: Room, stage: boolean): void {
  const { pushToTalk } = useSettings();
  useEffect(() => {
    if (pushToTalk && stage && room.selfOpen) {
      room.mute().catch(() => {});
    }
  }, [room, stage, pushToTalk]);
}

export function useKeys(room: Room, talk: Talk, help: () => void): void {
  const notices = useNotices();
  const { shortcuts, keys } = useSettings();
  useEffect(() => {
    if (!shortcuts) {
      return undefined;
    }
    const keyOf = (event: KeyboardEvent) => event.key.toLowerCase();
    const press = (event: KeyboardEvent) => {
      const self = room.self;
      if (isTaken(event) || event.repeat || !self) {
        return;
      }
      const key = keyOf(event);
      if (key === keys.mute && isOnStage(self) && !self.muted_by_moderator) {
        (room.selfOpen ? room.mute() : room.unmute()).catch(notices.fail);
      } else if (key === keys.hand && !isOnStage(self)) {
        (self.hand ? room.lowerHand() : room.raiseHand()).catch(notices.fail);
      } else if (key === keys.talk && isOnStage(self) && !room.selfOpen) {
        event.preventDefault();
        talk.begin();
      } else if (key === keys.help) {
        help();
      }
    };
    const release = (event: KeyboardEvent) => keyOf(event) === keys.talk && talk.end();
    addEventListener("keydown", press);
    addEventListener("keyup", release);
    addEventListener("blur", talk.end);
    return () => {
      removeEventListener("keydown", press);
      removeEventListener("keyup", release);
      removeEventListener("blur", talk.end);
    };
  }, [room, notices, shortcuts, keys, talk, help]);
}

/* Typed into a field, meant for a dialog, or pressing what has the focus: not ours. */
function isTaken(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement;
  const typing = target.closest("input, textarea, select, dialog, [contenteditable]") !== null;
  const pressing = (event.key === " " || event.key === "Enter") && target.closest("button, a, summary, [tabindex]") !== null;
  return typing || pressing || event.ctrlKey || event.metaKey || event.altKey;
}
