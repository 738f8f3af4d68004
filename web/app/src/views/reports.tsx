/* reports.tsx - what people have reported: for moderators of the whole house, who come with a token of the operator's. */

import { useState } from "preact/hooks";
import type { Report } from "@voicerooms/client";
import { dateText, t, tn } from "../i18n.js";
import { savedModerator, saveModerator } from "../identity.js";
import { Failure } from "../ui/failure.js";
import { outcomes, personName, ReportDialog } from "../ui/report-dialog.js";
import { TopBar } from "../ui/topbar.js";
import { Waves } from "../ui/waves.js";
import { useReports } from "./use-reports.js";
import type { Queue, Which } from "./use-reports.js";

export function Reports() {
  const [token, setToken] = useState(savedModerator);
  const signIn = (next: string | undefined) => {
    saveModerator(next);
    setToken(next);
  };
  return (
    <div class="page">
      <TopBar>
        <a class="button" href="#/">
          {t("All rooms")}
        </a>
      </TopBar>
      <main class="column">{token ? <Desk token={token} signOut={() => signIn(undefined)} /> : <SignIn signIn={signIn} />}</main>
    </div>
  );
}

function SignIn({ signIn }: { signIn: (token: string) => void }) {
  const submit = (event: Event) => {
    event.preventDefault();
    signIn(String(new FormData(event.currentTarget as HTMLFormElement).get("token")).trim());
  };
  return (
    <div class="narrow-card">
      <h1>{t("Reports")}</h1>
      <p>{t("For moderators of the whole house. Whoever runs it gives you an access token.")}</p>
      <form class="form" onSubmit={submit}>
        <label class="field">
          <span>{t("Access token")}</span>
          <input name="token" type="password" required maxLength={4096} autoComplete="off" spellcheck={false} autoFocus />
        </label>
        <p class="hint">{t("It is kept in this window only, and forgotten with it.")}</p>
        <button class="button primary wide">{t("Go on")}</button>
      </form>
      <details class="hint">
        <summary>{t("How is one made?")}</summary>
        <p>
          <code>voiceroomctl token create maria --admin</code>
        </p>
      </details>
    </div>
  );
}

function Desk({ token, signOut }: { token: string; signOut: () => void }) {
  const [which, setWhich] = useState<Which>("open");
  const queue = useReports(token, which);
  const [chosen, setChosen] = useState<Report>();
  const refused = queue.error && ["unauthorized", "forbidden"].includes(queue.error.code);
  if (queue.error && (refused || !queue.reports)) {
    return (
      <>
        <h1>{t("Reports")}</h1>
        <Failure error={queue.error}>
          {!refused && (
            <button class="button primary" onClick={queue.reload}>
              {t("Try again")}
            </button>
          )}
          <button class="button" onClick={signOut}>
            {t("Use another token")}
          </button>
        </Failure>
      </>
    );
  }
  return (
    <>
      <div class="section-head">
        <h1>{t("Reports")}</h1>
        <button class="button small quiet" onClick={signOut}>
          {t("Sign out")}
        </button>
      </div>
      <div class="which" role="group" aria-label={t("Which reports")}>
        {(["open", "resolved"] as const).map((one) => (
          <button key={one} type="button" class="button small" aria-pressed={which === one} onClick={() => setWhich(one)}>
            {one === "open" ? t("To be decided") : t("Decided")}
          </button>
        ))}
      </div>
      {queue.error && (
        <p class="banner warn" role="status">
          {t("The list is not up to date: the server does not answer. It is tried again by itself.")}
        </p>
      )}
      <List queue={queue} which={which} choose={setChosen} />
      {chosen && <ReportDialog report={chosen} title={queue.titles.get(chosen.room)} decide={queue.decide} onClose={() => setChosen(undefined)} />}
    </>
  );
}

function List({ queue, which, choose }: { queue: Queue; which: Which; choose: (report: Report) => void }) {
  const { reports, titles } = queue;
  if (!reports) {
    return (
      <ul class="reports" aria-busy="true" aria-label={t("Loading reports")}>
        {[0, 1, 2].map((index) => (
          <li key={index} class="card ghost" />
        ))}
      </ul>
    );
  }
  if (reports.length === 0) {
    return (
      <div class="empty">
        <Waves />
        <h2>{which === "open" ? t("Nothing waits for you") : t("Nothing has been decided yet")}</h2>
        <p>{t("What people report in their rooms comes here. It is looked for every ten seconds.")}</p>
      </div>
    );
  }
  return (
    <>
      <p class="muted" role="status">
        {tn(reports.length, "{n} report", "{n} reports")}
      </p>
      <ul class="reports" onKeyDown={moveFocus}>
        {reports.map((report) => (
          <li key={report.id}>
            <button type="button" class="report" aria-haspopup="dialog" onClick={() => choose(report)}>
              <span class="report-head">
                <strong dir="auto">{personName(report.target)}</strong>
                <time dateTime={report.at}>{dateText(report.at)}</time>
              </span>
              <span class="report-reason" dir="auto">
                {report.reason ?? t("No reason is known any more")}
              </span>
              <span class="muted">
                <span dir="auto">{t("Reported by {name} in {room}", { name: personName(report.by), room: titles.get(report.room) ?? report.room })}</span>
                {report.outcome && ` · ${t(outcomes[report.outcome])}`}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

/* Beside the tab key: up and down, as in any list. */
function moveFocus(event: KeyboardEvent): void {
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (step !== 0) {
    const rows = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>(".report")];
    const next = rows[rows.indexOf(document.activeElement as HTMLElement) + step];
    if (next) {
      event.preventDefault();
      next.focus();
    }
  }
}
