/* nodes.ts - the nodes that can serve this client, and which of them it talks to. Pure.
 *
 * The first is where the page came from; each join tells the others. Who fails is left for the next one in turn,
 * and comes round again: a node that restarts is as good as it was. The node that the page came from is reached by
 * the page's own origin and by nothing else: for its other addresses a browser may want another permission, and to
 * go there would be to leave it for itself. */

export class NodeList {
  private all: string[];
  private at = 0;
  private readonly aliases = new Set<string>();

  constructor(private readonly home: string) {
    this.all = [home];
  }

  get current(): string {
    return this.all[this.at]!;
  }

  get known(): readonly string[] {
    return this.all;
  }

  /** Whom a join named; the first `own` of them are addresses of the node that answered. The node in use stays in use. */
  learn(nodes: readonly string[], own = 0): void {
    const now = this.current;
    const told = nodes.map((url) => url.replace(/\/+$/, ""));
    const same = told.slice(0, own).filter((url) => url !== now);
    if (now === this.home) {
      same.forEach((url) => this.aliases.add(url));
    }
    const usable = told.filter((url) => isUsable(url, this.home) && !same.includes(url) && !this.isHome(url));
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
    const wanted = first !== undefined && this.isHome(first) ? this.home : first;
    return wanted !== undefined && rest.includes(wanted) ? [wanted, ...rest.filter((url) => url !== wanted)] : rest;
  }

  private isHome(url: string): boolean {
    return this.aliases.has(url) || sameLoopback(url, this.home);
  }
}

/* A page that came by https may not talk to a node without it, and browsers do not let it try. */
function isUsable(url: string, home: string): boolean {
  return /^https?:\/\//.test(url) && (url.startsWith("https:") || !home.startsWith("https:"));
}

const LOOPBACK = /^(https?:\/\/)(?:localhost|127(?:\.\d+){3}|\[::1\])(?=:|$)/;

/* Two names for one port of this machine. */
function sameLoopback(one: string, other: string): boolean {
  return LOOPBACK.test(one) && LOOPBACK.test(other) && one.replace(LOOPBACK, "$1") === other.replace(LOOPBACK, "$1");
}
