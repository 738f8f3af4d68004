/* over.tsx - after the room: why it is over, what can be done, and for its host how it was. */

import type { RoomOver } from "@voicerooms/client";
import { dateText, msg, t } from "../i18n.js";
import { sentence } from "../text.js";
import { AnalyticsView } from "../ui/analytics.js";
import { TopBar } from "../ui/topbar.js";
import { Waves } from "../ui/waves.js";

const titles: Record<RoomOver["reason"], string> = {
  left: msg("You have left"),
  kicked: msg("You were removed from the room"),
  banned: msg("You were banned from the room"),
  ended: msg("The room has ended"),
  replaced: msg("You are in this room in another window"),
  failed: msg("The connection is over"),
};

interface Props {
  room: string;
  over: RoomOver;
  /** The own role lets one see how the room was. */
  ran: boolean;
  again: () => void;
}

export function Over({ room, over, ran, again }: Props) {
  const mayReturn = over.reason === "kicked" || over.reason === "replaced" || over.reason === "failed";
  const figures = ran && over.reason === "ended";
  return (
    <div class="page">
      <TopBar />
      <main class={figures ? "column after" : ""}>
        <div class="empty">
          <Waves />
          <h1>{t(titles[over.reason])}</h1>
          {over.detail && (
            <p class="lead" dir="auto">
              {sentence(over.detail)}
            </p>
          )}
          {over.until && <p class="muted">{t("Until {time}.", { time: dateText(over.until) })}</p>}
          {over.error && <p class="muted">{t(over.error.whatToDo)}</p>}
          <div class="row center">
            {mayReturn && (
              <button class="button" onClick={again}>
                {over.reason === "replaced" ? t("Join here instead") : t("Join again")}
              </button>
            )}
            <a class="button primary" href="#/">
              {t("All rooms")}
            </a>
          </div>
        </div>
        {figures && (
          <section class="figures" aria-labelledby="figures-title">
            <h2 id="figures-title">{t("How it was")}</h2>
            <AnalyticsView room={room} />
          </section>
        )}
      </main>
    </div>
  );
}
