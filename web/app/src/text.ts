import type { VoiceroomError } from "@voicerooms/client";
import { currentLanguage, known, t } from "./i18n.js";

/** A detail of the server as a sentence: "the room is full" -> "The room is full." */
export function sentence(text: string): string {
  const trimmed = text.trim();
  const first = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

/** What happened. Servers speak English: in another language the sentence of the code stands for theirs. */
export function whatHappened(error: VoiceroomError): string {
  const words = sentence(error.detail || error.code);
  const code = `code:${error.code}`;
  return currentLanguage() !== "en" && !known(words) && known(code) ? t(code) : t(words);
}
