/* report-dialog.tsx - one report: what was said about whom, and what came of it. */

import { useState } from "preact/hooks";
import { asVoiceroomError } from "@voicerooms/client";
import type { Report, ReportOutcome, ReportPerson, VoiceroomError } from "@voicerooms/client";
import { dateText, msg, t } from "../i18n.js";
import { useNotices } from "../notices.js";
import { Dialog } from "./dialog.js";
import { FormError } from "./failure.js";

export const outcomes: Record<ReportOutcome, string> = {
  dismissed: msg("Nothing was wrong"),
  warned: msg("Warned"),
  muted: msg("Muted"),
  kicked: msg("Removed"),
  banned: msg("Banned"),
  other: msg("Something else"),
};

export function personName(person: ReportPerson): string {
  return person.name ?? t("Someone unknown");
}

interface Props {
  report: Report;
  /** Of its room; unknown where that is gone. */
  title: string | undefined;
  decide: (report: Report, outcome: ReportOutcome, note: string) => Promise<void>;
  onClose: () => void;
}

const order: readonly ReportOutcome[] = ["dismissed", "warned", "muted", "kicked", "banned", "other"];

export function ReportDialog({ report, title, decide, onClose }: Props) {
  return (
    <Dialog title={t("Report about {name}", { name: personName(report.target) })} onClose={onClose}>
      <blockquote class="report-words" dir="auto">
        {report.reason ?? t("No reason is known any more")}
      </blockquote>
      <dl class="facts">
        <div>
          <dt>{t("Reported by")}</dt>
          <dd dir="auto">{personName(report.by)}</dd>
        </div>
        <div>
          <dt>{t("When")}</dt>
          <dd>{dateText(report.at)}</dd>
        </div>
        <div>
          <dt>{t("Room")}</dt>
          <dd dir="auto">
            <a href={`#/room/${report.room}`}>{title ?? report.room}</a>
          </dd>
        </div>
        {report.target.user && (
          <div>
            <dt>{t("User id")}</dt>
            <dd>
              <code>{report.target.user}</code>
            </dd>
          </div>
        )}
      </dl>
      {report.status === "open" ? <Decision report={report} decide={decide} onClose={onClose} /> : <Decided report={report} />}
    </Dialog>
  );
}

function Decided({ report }: { report: Report }) {
  return (
    <div class="decided">
      <p>
        <strong>{t(outcomes[report.outcome ?? "other"])}</strong>
        {report.resolved_at && <span class="muted"> · {dateText(report.resolved_at)}</span>}
        {report.resolved_by && <span class="muted"> · {report.resolved_by}</span>}
      </p>
      {report.note && <p dir="auto">{report.note}</p>}
    </div>
  );
}

function Decision({ report, decide, onClose }: Pick<Props, "report" | "decide" | "onClose">) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<VoiceroomError>();
  const notices = useNotices();
  const submit = async (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    setError(undefined);
    try {
      await decide(report, form.get("outcome") as ReportOutcome, String(form.get("note")).trim());
      notices.say(t("Decided: {name}", { name: personName(report.target) }));
      onClose();
    } catch (cause) {
      setError(asVoiceroomError(cause));
      setBusy(false);
    }
  };
  return (
    <form class="form" onSubmit={(event) => void submit(event)}>
      <fieldset class="field outcomes">
        <legend>{t("What came of it")}</legend>
        {order.map((outcome) => (
          <label key={outcome} class="check">
            <input type="radio" name="outcome" value={outcome} required />
            <span>{t(outcomes[outcome])}</span>
          </label>
        ))}
      </fieldset>
      <label class="field">
        <span>{t("Note for other moderators")}</span>
        <textarea name="note" rows={2} maxLength={500} />
      </label>
      <p class="hint">{t("This only notes the outcome. Muting, removing and banning is done in the room.")}</p>
      <FormError error={error} />
      <div class="row end">
        <button class="button primary" aria-busy={busy} disabled={busy}>
          {t("Decide")}
        </button>
      </div>
    </form>
  );
}
