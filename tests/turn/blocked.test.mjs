// Goal: a real browser whose network lets no UDP through joins, speaks and hears through a relay, over TCP and over TLS: Debian's coturn
// as we tell operators to run it. tests/impaired has the same without a relay. Run as root, in a network of its own (make test-turn).
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Blocked } from '../lib/blocked.mjs';
import { startRelay } from '../lib/relay.mjs';

describe('a network without UDP, through a relay', () => {
  let net, relay;
  const nodes = {};
  before(async () => {
    net = await Blocked.make();
    // This side stands for the open internet: the lists of what is internal get one hole, as the manual says for private addresses.
    relay = await startRelay({ host: net.address, more: [`relay-ip=${net.address}`, `allowed-peer-ip=${net.address}`] });
    nodes.tcp = await net.node({ ice_secret_file: relay.secretFile, ice_urls: `turn:${net.address}:${relay.port}?transport=tcp` });
    nodes.tls = await net.node({ ice_secret_file: relay.secretFile, ice_urls: `turns:${net.address}:${relay.tlsPort}?transport=tcp` });
    await nodes.tcp.start();
    await nodes.tls.start();
    await net.browsers(Object.values(nodes));
  });
  after(async () => {
    await net?.close();
    for (const node of Object.values(nodes)) if (node.child) await node.stop();
    await relay?.stop();
  });

  for (const protocol of ['tcp', 'tls']) {
    it(`speaks and hears over ${protocol.toUpperCase()}`, async (t) => {
      const { through } = await net.talk(t, nodes[protocol], `Relay over ${protocol.toUpperCase()}`);
      assert.deepEqual([through.type, through.relay, through.to], ['relay', protocol, 'udp']);
    });
  }
});
