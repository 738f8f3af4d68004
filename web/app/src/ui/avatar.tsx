/* avatar.tsx - a person as initials on one of eight quiet colours, the same in every view. */

export function Avatar({ name, seed, size = "m" }: { name: string; seed: number; size?: "s" | "m" | "l" }) {
  return (
    <span class={`avatar size-${size} hue-${Math.abs(seed) % 8}`} aria-hidden="true">
      {initials(name)}
    </span>
  );
}

export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const first = [...(words[0] ?? "?")][0] ?? "?";
  const last = words.length > 1 ? ([...words[words.length - 1]!][0] ?? "") : "";
  return (first + last).toUpperCase();
}

export function seedOf(text: string): number {
  let seed = 0;
  for (const char of text) {
    seed = (seed * 31 + char.codePointAt(0)!) % 9973;
  }
  return seed;
}
