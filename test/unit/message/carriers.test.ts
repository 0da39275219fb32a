/**
 * The conformance suite of control carriers: whatever carries a session, a session behaves the same.
 */

import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { z } from 'zod';
import { DoraError } from '../../../lib/errors.js';
import { defineProtocol } from '../../../lib/message/contract.js';
import { linkInProcess } from '../../../lib/message/in-process.js';
import type { Link } from '../../../lib/message/link.js';
import { connect, RemoteError, serve } from '../../../lib/message/session.js';
import { connectUnix, listenUnix } from '../../../lib/transport/unix-socket.js';

const protocol = defineProtocol({
  name: 'test',
  version: 1,
  server: {
    calls: {
      double: { params: z.object({ n: z.number() }), result: z.object({ n: z.number() }) },
      fail: { params: z.object({ how: z.string() }), result: z.object({}) },
      wait: { params: z.object({}), result: z.object({}) },
      lie: { params: z.object({}), result: z.object({ n: z.number() }) },
    },
    events: { tick: z.object({ n: z.number(), text: z.string().exactOptional() }) },
  },
  client: { calls: { ask: { params: z.object({ q: z.string() }), result: z.object({ a: z.string() }) } }, events: {} },
});

interface Pair {
  server: Link;
  client: Link;
  close: () => Promise<void>;
}

async function unixPair(): Promise<Pair> {
  const folder = await mkdtemp(path.join(tmpdir(), 'dora-test-'));
  let accepted: (link: Link) => void = () => undefined;
  const server = new Promise<Link>((resolve) => (accepted = resolve));
  const listener = await listenUnix(folder, accepted);
  const client = await connectUnix(listener.path);
  const close = async (): Promise<void> => {
    await listener.close();
    await rm(folder, { recursive: true });
  };
  return { server: await server, client, close };
}

const carriers: Record<string, () => Promise<Pair>> = {
  'in process': async () => {
    const [server, client] = linkInProcess();
    return { server, client, close: async () => undefined };
  },
  'unix socket': unixPair,
};

const handlers = {
  double: ({ n }: { n: number }) => ({ n: 2 * n }),
  fail: ({ how }: { how: string }) => {
    if (how === 'dora') throw new DoraError('BUILD_FAILED', 'no compiler', { hint: 'Install one.' });
    throw new Error('a mistake');
  },
  wait: () => new Promise<Record<string, never>>(() => undefined),
  lie: () => ({ n: 'three' }) as unknown as { n: number },
};
const answers = { ask: ({ q }: { q: string }) => ({ a: `${q}!` }) };

for (const [name, make] of Object.entries(carriers)) {
  const carrierTest = (title: string, run: (t: ExecutionContext, pair: Pair) => Promise<void>): void => {
    test(`${name}: ${title}`, async (t) => {
      const pair = await make();
      await run(t, pair).finally(pair.close);
    });
  };

  carrierTest('both ends answer calls', async (t, pair) => {
    const server = serve(protocol, pair.server, { handlers });
    const client = connect(protocol, pair.client, { handlers: answers });
    t.deepEqual(await client.call('double', { n: 21 }), { n: 42 });
    t.deepEqual(await server.call('ask', { q: 'grüße\n\u2028' }), { a: 'grüße\n\u2028!' });
  });

  carrierTest('messages arrive in order, each once, large ones whole', async (t, pair) => {
    const text = 'ä'.repeat(300_000);
    const server = serve(protocol, pair.server, { handlers });
    const seen: number[] = [];
    let last = '';
    const client = connect(protocol, pair.client, {
      handlers: answers,
      listeners: {
        tick: (data) => {
          seen.push(data.n);
          last = data.text ?? last;
        },
      },
    });
    for (let n = 0; n < 1000; n++) server.emit('tick', n === 500 ? { n, text } : { n });
    await client.call('double', { n: 1 });
    await server.call('ask', { q: '' });
    t.deepEqual(
      seen,
      Array.from({ length: 1000 }, (_, n) => n),
    );
    t.is(last, text);
  });

  carrierTest('nothing is delivered inside the call that sends it', async (t, pair) => {
    const server = serve(protocol, pair.server, { handlers });
    let heard = 0;
    const client = connect(protocol, pair.client, { handlers: answers, listeners: { tick: () => heard++ } });
    await client.call('double', { n: 1 });
    server.emit('tick', { n: 1 });
    t.is(heard, 0);
    await server.call('ask', { q: '' });
    t.is(heard, 1);
  });

  carrierTest('a failure crosses with code, message and hint', async (t, pair) => {
    serve(protocol, pair.server, { handlers });
    const client = connect(protocol, pair.client, { handlers: answers });
    const error = await t.throwsAsync(client.call('fail', { how: 'dora' }), { instanceOf: RemoteError });
    t.deepEqual(error.toJSON(), { code: 'BUILD_FAILED', message: 'no compiler', hint: 'Install one.' });
    const broken = await t.throwsAsync(client.call('fail', { how: 'js' }), { instanceOf: RemoteError });
    t.is(broken.code, 'INTERNAL');
    t.true(broken.message.includes('a mistake'));
  });

  carrierTest('a wrong question and a wrong answer are refused, and the conversation goes on', async (t, pair) => {
    serve(protocol, pair.server, { handlers });
    const client = connect(protocol, pair.client, { handlers: answers });
    const asked = client.call('double', { n: 'two' } as unknown as { n: number });
    t.is((await t.throwsAsync(asked, { instanceOf: DoraError })).code, 'CONTROL_PROTOCOL');
    t.is((await t.throwsAsync(client.call('lie', {}), { instanceOf: DoraError })).code, 'CONTROL_PROTOCOL');
    const unknown = client.call('toString' as 'double', { n: 1 });
    t.is((await t.throwsAsync(unknown, { instanceOf: DoraError })).code, 'CONTROL_PROTOCOL');
    t.deepEqual(await client.call('double', { n: 2 }), { n: 4 });
  });

  carrierTest('closing delivers what was sent and rejects what waits', async (t, pair) => {
    const closed: string[] = [];
    const onClose =
      (who: string) =>
      (error?: DoraError): void => {
        closed.push(error === undefined ? who : `${who}: ${error.code}`);
      };
    const server = serve(protocol, pair.server, { handlers, onClose: onClose('server') });
    let heard = 0;
    const client = connect(protocol, pair.client, {
      handlers: answers,
      listeners: { tick: () => heard++ },
      onClose: onClose('client'),
    });
    const waiting = client.call('wait', {});
    await client.call('double', { n: 1 });
    for (let n = 0; n < 100; n++) server.emit('tick', { n });
    server.close();
    t.is((await t.throwsAsync(waiting, { instanceOf: DoraError })).code, 'CONTROL_CLOSED');
    t.is(heard, 100);
    t.is((await t.throwsAsync(client.call('double', { n: 1 }), { instanceOf: DoraError })).code, 'CONTROL_CLOSED');
    client.close();
    while (closed.length < 2) await new Promise((resolve) => setImmediate(resolve));
    t.deepEqual(closed.sort(), ['client', 'server']);
  });

  carrierTest('another version is refused at both ends, with a word about what to do', async (t, pair) => {
    const errors: (string | undefined)[] = [];
    serve({ ...protocol, version: 2 }, pair.server, { handlers, onClose: (error) => errors.push(error?.code) });
    const client = connect(protocol, pair.client, { handlers: answers });
    const error = await t.throwsAsync(client.call('double', { n: 1 }), { instanceOf: DoraError });
    t.is(error.code, 'CONTROL_VERSION');
    t.truthy(error.hint);
    while (errors.length === 0) await new Promise((resolve) => setImmediate(resolve));
    t.deepEqual(errors, ['CONTROL_VERSION']);
  });

  carrierTest('a client without the token is refused before it is answered', async (t, pair) => {
    let asked = 0;
    serve(protocol, pair.server, {
      handlers: { ...handlers, double: ({ n }) => ({ n: n + asked++ }) },
      token: 'secret',
    });
    const client = connect(protocol, pair.client, { handlers: answers, token: 'secreT' });
    const error = await t.throwsAsync(client.call('double', { n: 1 }), { instanceOf: DoraError });
    t.is(error.code, 'CONTROL_REFUSED');
    t.is(asked, 0);
  });

  carrierTest('a client with the token is served', async (t, pair) => {
    serve(protocol, pair.server, { handlers, token: 'secret' });
    const client = connect(protocol, pair.client, { handlers: answers, token: 'secret' });
    t.deepEqual(await client.call('double', { n: 1 }), { n: 2 });
  });
}

test('unix socket: only its owner may enter, and nothing stays behind', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'dora-test-'));
  const listener = await listenUnix(folder, () => undefined);
  t.is((await stat(listener.path)).mode & 0o777, 0o600);
  t.is((await stat(path.dirname(listener.path))).mode & 0o777, 0o700);
  const client = await connectUnix(listener.path);
  await listener.close();
  client.close();
  t.deepEqual(await readdir(folder), []);
  await rm(folder, { recursive: true });
});

test('unix socket: nobody there is an error that names the path', async (t) => {
  const file = path.join(tmpdir(), 'dora-no-such.sock');
  const error = await t.throwsAsync(connectUnix(file), { instanceOf: DoraError });
  t.is(error.code, 'SOCKET_FAILED');
  t.true(error.message.includes(file));
});

test('unix socket: a peer that speaks something else is cut off', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'dora-test-'));
  let cutOff: (error?: DoraError) => void = () => undefined;
  const closed = new Promise<DoraError | undefined>((resolve) => (cutOff = resolve));
  const listener = await listenUnix(folder, (link) => {
    serve(protocol, link, { handlers, onClose: cutOff });
  });
  const socket = connectSocket(listener.path);
  socket.on('error', () => undefined);
  socket.write('GET / HTTP/1.1\r\n\r\n');
  t.is((await closed)?.code, 'CONTROL_PROTOCOL');
  await listener.close();
  await rm(folder, { recursive: true });
});
