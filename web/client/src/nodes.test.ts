/* Goal: whoever fails is left for the next node in turn, and nobody is lost from the list while in use. */

import { describe, expect, it } from "vitest";
import { NodeList } from "./nodes.js";

describe("NodeList", () => {
  it("starts at home, goes round, and comes back", () => {
    const nodes = new NodeList("https://a");
    expect(nodes.others()).toEqual([]);
    expect(nodes.next()).toBe("https://a");
    nodes.learn(["https://a/", "https://b", "https://c"]);
    expect(nodes.others()).toEqual(["https://b", "https://c"]);
    expect([nodes.next(), nodes.next(), nodes.next()]).toEqual(["https://b", "https://c", "https://a"]);
  });

  it("keeps the node in use, also when a later answer does not name it", () => {
    const nodes = new NodeList("https://a");
    nodes.learn(["https://b"]);
    nodes.use("https://b");
    nodes.learn(["https://c"]);
    expect(nodes.current).toBe("https://b");
    expect(nodes.others()).toEqual(["https://a", "https://c"]);
  });

  it("puts the one first that the server named, when it knows it", () => {
    const nodes = new NodeList("https://a");
    nodes.learn(["https://b", "https://c"]);
    expect(nodes.others("https://c/")).toEqual(["https://c", "https://b"]);
    expect(nodes.others("https://a")).toEqual(["https://b", "https://c"]);
    expect(nodes.others("https://stranger")).toEqual(["https://b", "https://c"]);
  });

  it("the node that the page came from is reached by the page's own origin only", () => {
    const nodes = new NodeList("https://voice");
    nodes.learn(["https://a", "https://10.0.0.1:8443", "https://b"], 2);
    expect(nodes.known).toEqual(["https://voice", "https://b"]);
    nodes.use("https://b");
    nodes.learn(["https://b", "https://b-inside", "https://a", "https://c"], 2);
    expect(nodes.known).toEqual(["https://voice", "https://b", "https://c"]);
    expect(nodes.others("https://a")).toEqual(["https://voice", "https://c"]);
  });

  it("two names of this machine are one node, told or not", () => {
    const nodes = new NodeList("http://127.0.0.1:8080");
    nodes.learn(["http://localhost:8080", "http://[::1]:8080", "http://localhost:8081", "http://localhost.example:8080"]);
    expect(nodes.known).toEqual(["http://127.0.0.1:8080", "http://localhost:8081", "http://localhost.example:8080"]);
  });

  it("takes no address that the page may not use", () => {
    const nodes = new NodeList("https://a");
    nodes.learn(["http://b", "ftp://c", "", "https://d"]);
    expect(nodes.known).toEqual(["https://a", "https://d"]);
    const plain = new NodeList("http://a");
    plain.learn(["http://b", "https://c"]);
    expect(plain.known).toEqual(["http://a", "http://b", "https://c"]);
  });
});
