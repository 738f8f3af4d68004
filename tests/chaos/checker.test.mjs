// The checker of histories is itself held to doctored ones: each kind of lie must be found, and an honest history pass.
import assert from 'node:assert/strict';
import test from 'node:test';
import { check } from './checker.mjs';

const act = (t0, t1, what, target, value, epoch, sequence, more = {}) => (
  { kind: 'act', t0, t1, client: 'host', room: 'r', what, target, value, outcome: 'ok', epoch, sequence, provisional: false, ...more });
const event = (t, client, epoch, sequence, type = 'room:muted') => ({ kind: 'event', t, client, room: 'r', epoch, sequence, type });
const final = (t, client, mutes = {}, more = {}) => ({ kind: 'final', t, client, room: 'r', digest: 'd', mutes, roles: {}, bans: [], ...more });

const honest = () => [
  act(0, 5, 'mute', 7, true, 1, 1), event(4, 'a', 1, 1), event(6, 'b', 1, 1),
  { kind: 'fault', t: 100, name: 'kill' },
  act(900, 905, 'mute', 7, false, 2, 2), event(904, 'a', 2, 2, 'room:unmuted'), event(904, 'b', 2, 2, 'room:unmuted'),
  { kind: 'heard', t: 2000, room: 'r', listener: 'a', speaker: 7 },
  { kind: 'healed', t: 3000 }, final(4000, 'a', { 7: false }), final(4000, 'b', { 7: false }),
];
const has = (history, what, expected) => assert.ok(check(history, expected).some((f) => f.includes(what)), JSON.stringify(check(history, expected)));

test('an honest history passes', () => assert.deepEqual(check(honest(), { acknowledged: 2, faults: ['kill'] }), []));
test('effects that go back are found', () => has([...honest(), event(5000, 'a', 1, 9)], '(a) a in r saw'));
test('two effects in one place are found', () => has([...honest(), event(5000, 'c', 2, 2, 'room:kicked')], '(a) r (2, 2)'));
test('an old epoch that acknowledges after a new one is found', () => has([...honest(), act(1000, 1010, 'mute', 8, true, 1, 9)], '(b)'));
test('one that was asked before is not called so', () => assert.deepEqual(
  check([...honest(), act(900, 1010, 'mute', 8, true, 1, 9)].map((r) => (r.kind === 'final' ? { ...r, mutes: { ...r.mutes, 8: true } } : r))), []));
test('a lost change is found', () => has(honest().map((r) => (r.kind === 'final' ? { ...r, mutes: { 7: true } } : r)), '(c)'));
test('a lost ban is found', () => has([...honest(), act(10, 20, 'ban', 'eve', true, 1, 3)], '(c)'));
test('of two acts in one place the later one counts', () => {
  const bans = [act(10, 20, 'ban', 'eve', true, 1, 1), act(30, 40, 'ban', 'eve', false, 1, 1)];
  assert.deepEqual(check([...honest(), ...bans]), []);
  has([...honest(), bans[1], act(50, 60, 'ban', 'eve', true, 1, 1)], '(c)');
});
test('a change of unknown outcome may hold or not', () => {
  const open = act(2500, 2500, 'mute', 7, true, 0, 0, { outcome: 'unknown' });
  assert.deepEqual(check([...honest(), open]), []);
  assert.deepEqual(check([...honest(), open].map((r) => (r.kind === 'final' ? { ...r, mutes: { 7: true } } : r))), []);
});
test('a provisional act that is lost after healing is found', () => has([...honest(), act(2500, 2510, 'mute', 7, true, 2, 0, { provisional: true })], '(c)'));
test('clients that disagree are found', () => has(honest().map((r) => (r.client === 'b' && r.kind === 'final' ? { ...r, digest: 'x' } : r)), '(d)'));
test('one that agrees too late is found', () => has([...honest(), final(14000, 'c', { 7: false })], '(d)'));
test('a muted one who is heard is found', () => has([...honest(), { kind: 'heard', t: 905 - 1 + 0, room: 'r', listener: 'a', speaker: 9 },
  act(3000, 3010, 'mute', 9, true, 2, 5), { kind: 'heard', t: 4200, room: 'r', listener: 'a', speaker: 9 }]
  .map((r) => (r.kind === 'final' ? { ...r, mutes: { ...r.mutes, 9: true } } : r)), '(e)'));
test('one who is heard until the buffer has run out is not', () => assert.deepEqual(check([...honest(),
  act(3000, 3010, 'mute', 9, true, 2, 5), { kind: 'heard', t: 3600, room: 'r', listener: 'a', speaker: 9 }]
  .map((r) => (r.kind === 'final' ? { ...r, mutes: { ...r.mutes, 9: true } } : r))), []));
test('where a shard had not confirmed he may be heard until the fault is undone, and no longer', () => {
  const muted = (unconfirmed) => act(3000, 3300, 'mute', 9, true, 2, 5, { unconfirmed });
  const told = (t, unconfirmed) => [...honest(), { kind: 'fault', t: 2900, name: 'split' }, muted(unconfirmed), { kind: 'undone', t: 9000 },
    { kind: 'heard', t, room: 'r', listener: 'a', speaker: 9 }].map((r) => (r.kind === 'final' ? { ...r, mutes: { ...r.mutes, 9: true } } : r));
  assert.deepEqual(check(told(8000, true)), []);
  has(told(8000, false), '(e)');
  has(told(15000, true), '(e)');
});
test('one act that repeats another waits for the same shards as that', () => {
  const told = (t, more) => [...honest(), { kind: 'fault', t: 2900, name: 'split' }, act(3000, 3300, 'mute', 9, true, 2, 5, { unconfirmed: true }), ...more,
    act(5000, 5001, 'mute', 9, true, 2, 6), { kind: 'undone', t: 9000 }, { kind: 'heard', t, room: 'r', listener: 'a', speaker: 9 }]
    .map((r) => (r.kind === 'final' ? { ...r, mutes: { ...r.mutes, 9: true } } : r));
  assert.deepEqual(check(told(8000, [])), []);
  has(told(15000, []), '(e)');
  has(told(8000, [act(4000, 4001, 'mute', 9, false, 2, 5)]), '(e)'); // it was opened in between: that mute closed anew
});
test('time in which the machine stood still is added, and no more', () => {
  const told = (t) => [...honest(), act(3000, 3010, 'mute', 9, true, 2, 5), { kind: 'late', t: 3500, ms: 700 }, { kind: 'late', t: 2000, ms: 9000 },
    { kind: 'heard', t, room: 'r', listener: 'a', speaker: 9 }].map((r) => (r.kind === 'final' ? { ...r, mutes: { ...r.mutes, 9: true } } : r));
  assert.deepEqual(check(told(4500)), []);
  has(told(4700), '(e)');
});
test('whose place was given up after the grace time has lost the role of before, and no other', () => {
  const told = (roles, waited, more = []) => [...honest(), act(1000, 1001, 'role', 9, 'speaker', 2, 3),
    { kind: 'gone', t: 2000, client: 'nine', room: 'r', participant: 9, waited }, ...more].map((r) => (r.kind === 'final' ? { ...r, roles } : r));
  assert.deepEqual(check(told({ 9: 'listener' }, 15100)), []);
  has(told({ 9: 'listener' }, 9000), '(c)'); // his place was promised for longer
  has(told({ 9: 'listener' }, 15100, [act(2500, 2501, 'role', 9, 'speaker', 2, 4)]), '(c)'); // he was given it anew
  has(told({ 8: 'listener' }, 9000), '(c)');
});
test('a banned one who is heard is found', () => has([...honest(), act(3000, 3010, 'ban', 'eve', true, 2, 6),
  { kind: 'heard', t: 4500, room: 'r', listener: 'b', speaker: 'eve' }].map((r) => (r.kind === 'final' ? { ...r, bans: ['eve'] } : r)), '(e)'));
test('too few changes are no verdict', () => has(honest(), 'acknowledged', { acknowledged: 1000 }));
test('a fault that was never fired fails', () => has(honest(), 'never fired', { faults: ['partition'] }));
test('no final state fails', () => has(honest().filter((r) => r.kind !== 'final'), 'final state'));
