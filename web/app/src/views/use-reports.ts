/* use-reports.ts - the moderation queue, kept up to date while it is looked at, under a token of its own. */

import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { asVoiceroomError, VoiceRooms } from "@voicerooms/client";
import type { Report, ReportOutcome, VoiceroomError } from "@voicerooms/client";

const REFRESH_MS = 10_000;

export type Which = "open" | "resolved";

export interface Queue {
  /** Undefined while nothing has come yet. */
  reports: readonly Report[] | undefined;
  error: VoiceroomError | undefined;
  titles: ReadonlyMap<string, string>;
  reload: () => void;
  decide: (report: Report, outcome: ReportOutcome, note: string) => Promise<void>;
}

export function useReports(token: string, which: Which): Queue {
  const client = useMemo(() => new VoiceRooms({ url: location.origin, token }), [token]);
  const [found, setFound] = useState<{ which: Which; reports: readonly Report[] }>();
  const [error, setError] = useState<VoiceroomError>();
  const turn = useRef(0);
  /* A token that is not taken is not asked about again and again. */
  const refused = useRef(false);
  const reports = found?.which === which ? found.reports : undefined;
  const load = useCallback(async () => {
    turn.current += 1;
    const mine = turn.current;
    try {
      const all = await client.reports({ status: which });
      if (mine === turn.current) {
        setFound({ which, reports: all });
        setError(undefined);
      }
    } catch (cause) {
      if (mine === turn.current) {
        const failure = asVoiceroomError(cause);
        refused.current = ["unauthorized", "forbidden"].includes(failure.code);
        setError(failure);
      }
    }
  }, [client, which]);
  useEffect(() => {
    void load();
    const again = setInterval(() => document.visibilityState === "visible" && !refused.current && void load(), REFRESH_MS);
    return () => {
      turn.current += 1;
      clearInterval(again);
    };
  }, [load]);
  const decide = async (report: Report, outcome: ReportOutcome, note: string) => {
    try {
      await client.resolveReport(report.id, outcome, note);
    } finally {
      /* Also when somebody else was faster: what is shown then is what is true. */
      await load();
    }
  };
  return { reports, error, titles: useTitles(client, reports), reload: () => void load(), decide };
}

/* A report names its room by id; people know it by its title. A room that is gone keeps its id. */
function useTitles(client: VoiceRooms, reports: readonly Report[] | undefined): ReadonlyMap<string, string> {
  const [titles, setTitles] = useState<ReadonlyMap<string, string>>(new Map());
  const asked = useRef(new Set<string>());
  useEffect(() => {
    for (const { room } of reports ?? []) {
      if (!asked.current.has(room) && asked.current.size < 50) {
        asked.current.add(room);
        client.getRoom(room).then((info) => setTitles((old) => new Map(old).set(room, info.title)), () => {});
      }
    }
  }, [client, reports]);
  return titles;
}
