import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';

import { createStore } from '../../apps/common/widgets/attention/store.js';
import { initialTour } from '../../apps/common/widgets/attention/state.js';
import { createTourData } from '../../apps/common/widgets/attention/tourdata.js';

const settle = () => new Promise((resolve) => setImmediate(resolve));

// A request whose reply comes when the test says so.
function slow(key, bytes = 1) {
  const request = { key, signal: null, calls: 0 };
  request.load = (signal) => new Promise((resolve, reject) => {
    Object.assign(request, { signal, calls: request.calls + 1, arrive: (data) => resolve({ data, bytes }), fail: (text) => reject(new Error(text)) });
  });
  return request;
}

test('a file is fetched once, however often it is wanted', async () => {
  const store = createStore({ changed: () => {} });
  const a = slow('a');
  store.want('x', a);
  store.want('x', a);
  store.want('y', a);
  a.arrive(7);
  await settle();
  store.want('x', a);
  assert.deepEqual([a.calls, store.get(a)], [1, 7]);
});

test('what nobody wants any more is called off, and its late reply changes nothing', async () => {
  let changes = 0;
  const store = createStore({ changed: () => (changes += 1) });
  const [a, b] = [slow('a'), slow('b')];
  store.want('x', a);
  store.want('x', b);
  assert.ok(a.signal.aborted && !b.signal.aborted);
  a.arrive(1);
  await settle();
  assert.deepEqual([store.get(a), changes], [undefined, 0]);
  b.arrive(2);
  await settle();
  assert.deepEqual([store.get(b), changes], [2, 1]);
});

test('what was being fetched ahead is kept when it becomes wanted', async () => {
  const store = createStore({ changed: () => {} });
  const a = slow('a');
  store.want('ahead', a);
  store.want('x', a);
  store.want('ahead', null);
  assert.ok(!a.signal.aborted);
  a.arrive(1);
  await settle();
  assert.deepEqual([store.get(a), a.calls], [1, 1]);
});

test('the longest unused is forgotten once the bytes pass the limit', async () => {
  const store = createStore({ changed: () => {}, limit: 100 });
  for (const name of ['a', 'b', 'c']) {
    const request = slow(name, 40);
    store.want('x', request);
    request.arrive(name);
    await settle();
  }
  assert.deepEqual(['a', 'b', 'c'].map((key) => store.has({ key })), [false, true, true]);
});

test('a failure is one sentence, and is tried again when it is wanted anew', async () => {
  const store = createStore({ changed: () => {} });
  const [a, b] = [slow('a'), slow('b')];
  store.want('x', a);
  a.fail('This layer is gone.');
  await settle();
  assert.equal(store.errorOf(a), 'This layer is gone.');
  store.want('x', a);
  assert.equal(a.calls, 1, 'not again and again');
  store.want('x', b);
  store.want('x', a);
  assert.equal(a.calls, 2);
});

// A server in a few lines: one head of two tokens a layer, each cell the number of its layer.
const RUN = { key: 'k', base: 'http://here/k/', files: null, title: 't', picture: 'p', grid: [1, 1], frames: 1, n_prefix: 1, prefix_names: ['CLS'],
  n_layers: 3, n_heads: 1, thumb: 2, heads_per_chunk: 1, image: [8, 8], causal_from: null, prefix_sees_all: true, metrics: [], has_rollout: false, lens: null };

function matrixOf(layer) {
  const buffer = new ArrayBuffer(8 + 8 + 4);
  new Float32Array(buffer, 0, 2).set([layer, layer]);
  return buffer;
}

const replies = new Map();
beforeEach(() => {
  mock.method(globalThis, 'fetch', (url, { signal } = {}) => new Promise((resolve, reject) => {
    signal?.addEventListener('abort', () => reject(Object.assign(new Error('aborted'), { name: 'AbortError' })));
    replies.set(url, (body) => resolve(body ? { ok: true, status: 200, arrayBuffer: async () => body, blob: async () => body, text: async () => '' }
      : { ok: false, status: 404 }));
  }));
});
afterEach(() => {
  mock.restoreAll();
  replies.clear();
});

const answer = async (name, body) => {
  replies.get(RUN.base + name)(body);
  await settle();
  await settle();
};

test('a layer is never shown under another label', async () => {
  const data = createTourData({ changed: () => {} });
  const value = { runs: [RUN, null], urls: {} };
  const at = (layer) => ({ ...initialTour(), layer });
  data.follow(value, at(0));
  await answer('maps/pattern/0/0', matrixOf(0));
  assert.equal(data.pane(0).unit.low, 0);
  data.follow(value, at(1));
  assert.equal(data.pane(0).unit, null, 'the old layer is gone before the new one is there');
  data.follow(value, at(2));
  replies.get(`${RUN.base}maps/pattern/1/0`)(matrixOf(1));
  await answer('maps/pattern/2/0', matrixOf(2));
  assert.deepEqual([data.pane(0).head.layer, data.pane(0).unit.low], [2, 2]);
  data.follow(value, at(0));
  assert.equal(data.pane(0).unit.low, 0, 'a layer that was here is shown at once');
  data.stop();
});

test('a layer that the server forgot is told in one sentence, with the way out', async () => {
  const data = createTourData({ changed: () => {} });
  data.follow({ runs: [RUN, null], urls: {} }, initialTour());
  await answer('maps/pattern/0/0', null);
  assert.equal(data.pane(0).problem, 'This layer is no longer kept on the server; run the picture again to get it back.');
  data.stop();
});

test('a page that travels with its files asks no server, and says what it does not hold', async () => {
  const data = createTourData({ changed: () => {} });
  const alone = { ...RUN, base: null, files: { 'maps/pattern/0/0': 'data:here', image: 'data:image' } };
  data.follow({ runs: [alone, null], urls: {} }, { ...initialTour(), layer: 1 });
  await settle();
  assert.match(data.pane(0).problem, /This layer is not part of this page/);
  assert.deepEqual([...replies.keys()], ['data:image']);
  data.stop();
});
