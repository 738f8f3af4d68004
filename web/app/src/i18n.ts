/* i18n.ts - the texts of the page in the person's language.
 *
 * The key of a text is its English; messages/en.json lists them all, and every other file has the same keys (a test
 * holds that). English needs no file at run time, another language is one more small download before the first view. */

export const languages = [
  { code: "en", name: "English" },
  { code: "de", name: "Deutsch" },
] as const;

export type Language = (typeof languages)[number]["code"];
type Messages = Readonly<Record<string, string>>;
type Values = Readonly<Record<string, string | number>>;

const files: Partial<Record<Language, () => Promise<{ default: Messages }>>> = {
  de: () => import("./messages/de.json"),
};

let language: Language = "en";
let messages: Messages = {};

export function currentLanguage(): Language {
  return language;
}

/** The first wish that we have, as "de-AT" has "de"; English else. */
export function pickLanguage(wishes: readonly string[]): Language {
  for (const wish of wishes) {
    const found = languages.find(({ code }) => wish.toLowerCase().split("-")[0] === code);
    if (found) {
      return found.code;
    }
  }
  return "en";
}

export async function loadLanguage(code: Language): Promise<void> {
  const load = files[code];
  messages = load ? (await load()).default : {};
  language = code;
  document.documentElement.lang = code;
}

/** For tables of texts: names the text for the message files, and translates nothing yet. */
export const msg = (text: string): string => text;

export function t(text: string, values: Values = {}): string {
  return filled(messages[text] ?? text, values);
}

/** By number: the first text for one, the second for others; `{n}` is the number. */
export function tn(n: number, one: string, many: string, values: Values = {}): string {
  const isOne = new Intl.PluralRules(language).select(n) === "one";
  return t(isOne ? one : many, { n: new Intl.NumberFormat(language).format(n), ...values });
}

export function known(text: string): boolean {
  return text in messages;
}

function filled(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

export function dateText(iso: string): string {
  return new Date(iso).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
}

export function timeText(iso: string): string {
  return new Date(iso).toLocaleTimeString(language, { timeStyle: "short" });
}

/** "de" as "German", in the language of the page; what is no language is shown as it is. */
export function languageName(code: string): string {
  try {
    return new Intl.DisplayNames(language, { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}
