/* over.tsx - after the room: why it is over, and what can be done. */

import type { RoomOver } from "@voicerooms/client";
import { sentence } from "../text.js";
import { TopBar } from "../ui/topbar.js";
import { Waves } from "../ui/waves.js";

const titles: Record<RoomOver["reason"], string> = {
  left: "You have left",
  kicked: "You were removed from the room",
  banned: "You were banned from the room",
  ended: "The room has ended",
  replaced: "You are in this room in another window",
  failed: "The connection is over",
};

export function Over({ over, again }: { over: RoomOver; again: () => void }) {
  const mayReturn = over.reason === "kicked" || over.reason === "replaced" || over.reason === "failed";
  return (
    <div class="page">
      <TopBar />
      <main class="empty">
        <Waves />
        <h1>{titles[over.reason]}</h1>
        {over.detail && <p class="lead">{sentence(over.detail)}</p>}
        {over.until && <p class="muted">Until {new Date(over.until).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })}.</p>}
        {over.error && <p class="muted">{over.error.whatToDo}</p>}
        <div class="row center">
          {mayReturn && (
            <button class="button" onClick={again}>
              {over.reason === "replaced" ? "Join here instead" : "Join again"}
            </button>
          )}
          <a class="button primary" href="#/">
            All rooms
          </a>
        </div>
      </main>
    </div>
  );
}
