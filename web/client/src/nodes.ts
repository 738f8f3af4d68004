/* nodes.ts - the nodes that can serve this client, and which of them it talks to. Pure.
 *
 * The first is where the page came from; each join tells the others. Who fails is left for the next one in turn,
 * and comes round again: a node that restarts is as good as it was. */

export class NodeList {
  private all: string[];
  private at = 0;

  constructor(private readonly home: string) {
    this.all = [home];
  }

  get current(): string {
    return this.all[this.at]!;
  }

  get known(): readonly string[] {
    return this.all;
  }

  /** Whom a join named. The node in use stays in use, named or not. */
  learn(nodes: readonly string[]): void {
    const now = this.current;
    const usable = nodes.map((url) => url.replace(/\/+$/, "")).filter((url) => isUsable(url, this.home));
    this.all = [...new Set([this.home, ...usable, now])];
    this.at = this.all.indexOf(now);
  }

  /** The current one did not answer, or is about to go. */
  next(): string {
    this.at = (this.at + 1) % this.all.length;
    return this.current;
  }

  use(url: string): void {
    const at = this.all.indexOf(url);
    this.at = at < 0 ? this.at : at;
  }

  /** Everybody but the current one, the next in turn first; before them `named`, if it is known. */
  others(named?: string): string[] {
    const rest = [...this.all.slice(this.at + 1), ...this.all.slice(0, this.at)];
    const first = named?.replace(/\/+$/, "");
    return first !== undefined && rest.includes(first) ? [first, ...rest.filter((url) => url !== first)] : rest;
  }
}

/* A page that came by https may not talk to a node without it, and browsers do not let it try. */
function isUsable(url: string, home: string): boolean {
  return /^https?:\/\//.test(url) && (url.startsWith("https:") || !home.startsWith("https:"));
}
