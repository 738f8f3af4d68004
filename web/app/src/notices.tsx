/* notices.tsx - what the page says by itself: short notices to see, and announcements to hear.
 *
 * Announcements are gathered for a while, since a room in which ten people arrive at once must not
 * talk over its speakers. */

import type { ComponentChildren } from "preact";
import { createContext } from "preact";
import { useCallback, useContext, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { asVoiceroomError } from "@voicerooms/client";
import { t } from "./i18n.js";
import { settings } from "./settings.js";
import { whatHappened } from "./text.js";
import { IconClose } from "./ui/icons.js";

const ANNOUNCE_EVERY_MS = 2_000;
const NOTICE_MS = 7_000;

interface Notice {
  id: number;
  text: string;
  more: string;
  bad: boolean;
}

export interface Notices {
  say(text: string): void;
  fail(cause: unknown): void;
  announce(text: string): void;
}

const NoticesContext = createContext<Notices>({ say() {}, fail() {}, announce() {} });

export function useNotices(): Notices {
  return useContext(NoticesContext);
}

export function NoticesProvider({ children }: { children: ComponentChildren }) {
  const [notices, setNotices] = useState<Notice[]>([]);
  const [spoken, announce] = useAnnouncements();
  const counter = useRef(0);
  const box = useOnTop(notices);
  const drop = useCallback((id: number) => setNotices((all) => all.filter((notice) => notice.id !== id)), []);
  const value = useMemo<Notices>(() => {
    const show = (text: string, more: string, bad: boolean) => {
      counter.current += 1;
      const id = counter.current;
      setNotices((all) => [...all.slice(-2), { id, text, more, bad }]);
      setTimeout(() => drop(id), bad ? NOTICE_MS * 1.5 : NOTICE_MS);
    };
    return {
      say: (text) => show(text, "", false),
      fail: (cause) => {
        const error = asVoiceroomError(cause);
        show(whatHappened(error), t(error.whatToDo), true);
      },
      announce,
    };
  }, [announce, drop]);
  return (
    <NoticesContext.Provider value={value}>
      {children}
      <div ref={box} class="notices" role="region" aria-label={t("Notices")} aria-live="assertive">
        {notices.map((notice) => (
          <div key={notice.id} class={notice.bad ? "notice bad" : "notice"}>
            <p>
              <strong>{notice.text}</strong> {notice.more}
            </p>
            <button class="icon-button" aria-label={t("Dismiss")} onClick={() => drop(notice.id)}>
              <IconClose />
            </button>
          </div>
        ))}
      </div>
      <p class="hidden" role="status" aria-live="polite">
        {spoken}
      </p>
    </NoticesContext.Provider>
  );
}

/* A modal dialog covers everything but the top layer, and the failure of an act in it must be seen: as a
 * popover that is shown again for each notice, the notices lie above. */
function useOnTop(notices: readonly Notice[]) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current;
    if (!element || typeof element.showPopover !== "function") {
      return;
    }
    element.popover = "manual";
    if (element.matches(":popover-open")) {
      element.hidePopover();
    }
    if (notices.length > 0) {
      element.showPopover();
    }
  }, [notices]);
  return box;
}

function useAnnouncements(): [string, (text: string) => void] {
  const [spoken, setSpoken] = useState("");
  const waiting = useRef<string[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const announce = useCallback((text: string) => {
    if (!settings().announce) {
      return;
    }
    waiting.current.push(text);
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      const all = waiting.current.splice(0);
      const shown = all.length > 4 ? [...all.slice(-3), t("And {n} more", { n: all.length - 3 })] : all;
      setSpoken(`${shown.join(". ")}.`);
    }, ANNOUNCE_EVERY_MS);
  }, []);
  return [spoken, announce];
}
