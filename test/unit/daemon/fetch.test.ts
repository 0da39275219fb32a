/** Repositories and downloads with a real git, a repository in a folder and a server in this process. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { fetchDownload } from '../../../lib/daemon/fetch-download.js';
import { FetchError } from '../../../lib/daemon/fetch-error.js';
import { Fetch } from '../../../lib/daemon/fetch.js';
import type { Fetched, FetchSource } from '../../../lib/message/plan.js';

class Bench {
  readonly folder: string;
  readonly cache: string;
  readonly repository: string;
  readonly heard: string[] = [];
  readonly warnings: string[] = [];

  constructor(t: ExecutionContext) {
    this.folder = mkdtempSync(path.join(tmpdir(), 'dora-fetch-'));
    this.cache = path.join(this.folder, 'cache');
    this.repository = path.join(this.folder, 'my repository');
    mkdirSync(this.cache);
    t.teardown(() => {
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  /** Runs git in the repository. */
  git(...args: string[]): string {
    const name = ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'init.defaultBranch=main'];
    return execFileSync('git', [...name, ...args], { cwd: this.repository, encoding: 'utf8', stdio: 'pipe' }).trim();
  }

  /** Makes the repository, or one more commit in it; returns the commit. */
  commit(text: string): string {
    if (!existsSync(this.repository)) {
      mkdirSync(this.repository);
      this.git('init', '--quiet');
    }
    writeFileSync(path.join(this.repository, 'program.sh'), text, { mode: 0o755 });
    this.git('add', '.');
    this.git('commit', '--quiet', '-m', text);
    return this.git('rev-parse', 'HEAD');
  }

  async fetch(...sources: FetchSource[]): Promise<Fetched[]> {
    const steps = sources.map((source, index) => ({ owner: `n${index}`, source }));
    return await new Fetch(this.cache).run(steps, undefined, {
      onStart: (owner, source) => this.heard.push(`start ${owner} ${source.replace(this.folder, '')}`),
      onDone: (owner, _source, pinned) => this.heard.push(`done ${owner} ${pinned}`),
      warn: (owner, message) => this.warnings.push(`${owner}: ${message}`),
    });
  }

  async repo(
    more: { branch?: string; tag?: string; rev?: string } = {},
  ): Promise<{ text: string; pinned: string; path: string }> {
    const [found] = await this.fetch({ kind: 'git', url: this.repository, ...more });
    return { ...found!, text: readFileSync(path.join(found!.path, 'program.sh'), 'utf8') };
  }
}

const codeOf = async (t: ExecutionContext, promise: Promise<unknown>): Promise<FetchError> =>
  await t.throwsAsync(promise, { instanceOf: FetchError });

test('a branch, a tag, a commit and its first digits are the commits that they name', async (t) => {
  const bench = new Bench(t);
  const first = bench.commit('one');
  bench.git('tag', '-a', 'v1', '-m', 'annotated');
  bench.git('tag', 'light');
  bench.git('branch', 'feature/x');
  const second = bench.commit('two');
  t.like(await bench.repo(), { text: 'two', pinned: `commit ${second}` });
  t.like(await bench.repo({ branch: 'main' }), { text: 'two' });
  t.like(await bench.repo({ branch: 'feature/x' }), { text: 'one', pinned: `commit ${first}` });
  t.like(await bench.repo({ tag: 'v1' }), { text: 'one', pinned: `commit ${first}` });
  t.like(await bench.repo({ tag: 'light' }), { text: 'one' });
  t.like(await bench.repo({ rev: first }), { text: 'one' });
  t.like(await bench.repo({ rev: second.slice(0, 9).toUpperCase() }), { text: 'two', pinned: `commit ${second}` });
  // A branch moves, a commit does not.
  const third = bench.commit('three');
  t.like(await bench.repo({ branch: 'main' }), { text: 'three', pinned: `commit ${third}` });
  t.like(await bench.repo({ rev: second }), { text: 'two' });
  t.deepEqual(bench.heard.slice(0, 2), ['start n0 /my repository (default branch)', `done n0 commit ${second}`]);
});

test('what was fetched works without the repository: commits in silence, branches with a warning', async (t) => {
  const bench = new Bench(t);
  const first = bench.commit('one');
  await bench.repo({ branch: 'main' });
  // What a build made stays for the next run.
  writeFileSync(path.join((await bench.repo()).path, 'built'), '');
  rmSync(bench.repository, { recursive: true });
  t.like(await bench.repo({ rev: first }), { text: 'one' });
  t.deepEqual(bench.warnings, []);
  const again = await bench.repo({ branch: 'main' });
  t.true(existsSync(path.join(again.path, 'built')));
  t.regex(
    bench.warnings[0]!,
    /n0: .* cannot be reached; taking branch "main" as it was last seen, commit [0-9a-f]{40}/,
  );
  const error = await codeOf(t, bench.repo({ branch: 'never-seen' }));
  t.is(error.code, 'GIT_FAILED');
  t.deepEqual(error.details.node, 'n0');
});

test('names that are not there, empty repositories and folders that are none are told apart', async (t) => {
  const bench = new Bench(t);
  bench.commit('one');
  t.is((await codeOf(t, bench.repo({ branch: 'nope' }))).code, 'GIT_REVISION_UNKNOWN');
  t.is((await codeOf(t, bench.repo({ tag: 'main' }))).code, 'GIT_REVISION_UNKNOWN');
  t.is((await codeOf(t, bench.repo({ rev: 'abcdef0123' }))).code, 'GIT_REVISION_UNKNOWN');
  t.is((await codeOf(t, bench.repo({ rev: 'a'.repeat(40) }))).code, 'GIT_REVISION_UNKNOWN');
  const nowhere = await codeOf(t, bench.fetch({ kind: 'git', url: path.join(bench.folder, 'nothing') }));
  t.is(nowhere.code, 'GIT_FAILED');
  t.regex(nowhere.message, /nothing.*(does not exist|not appear to be a git repository)/);
  const closed = await codeOf(t, bench.fetch({ kind: 'git', url: 'http://user:secret@127.0.0.1:9/x.git' }));
  t.notRegex(JSON.stringify([closed.message, closed.details]), /secret/);
});

test('a helper program is not run, even when git itself is told to', async (t) => {
  const bench = new Bench(t);
  const mark = path.join(bench.folder, 'mark');
  const error = await codeOf(t, bench.fetch({ kind: 'git', url: `ext::sh -c "touch ${mark}"` }));
  t.is(error.code, 'GIT_FAILED');
  t.false(existsSync(mark));
  // Hooks of a template are not run either.
  bench.commit('one');
  const hook = path.join(bench.folder, 'template/hooks/post-checkout');
  mkdirSync(path.dirname(hook), { recursive: true });
  writeFileSync(hook, `#!/bin/sh\ntouch ${mark}\n`);
  chmodSync(hook, 0o755);
  process.env['GIT_TEMPLATE_DIR'] = path.join(bench.folder, 'template');
  t.teardown(() => delete process.env['GIT_TEMPLATE_DIR']);
  await bench.repo();
  t.false(existsSync(mark));
});

test('many runs at once get the same folder, and leave nothing behind', async (t) => {
  const bench = new Bench(t);
  const commit = bench.commit('one');
  const all = await Promise.all(
    Array.from({ length: 6 }, (_, i) => bench.repo(i % 2 === 0 ? { branch: 'main' } : { rev: commit })),
  );
  t.is(new Set(all.map((one) => one.path)).size, 1);
  const [store] = readdirSync(path.join(bench.cache, 'git'));
  t.deepEqual(
    readdirSync(path.join(bench.cache, 'git', store!)).filter((name) => name.includes('tmp')),
    [],
  );
});

test('the same source is fetched once for all nodes, and a stop ends it', async (t) => {
  const bench = new Bench(t);
  bench.commit('one');
  const source: FetchSource = { kind: 'git', url: bench.repository };
  t.is((await bench.fetch(source, source, source)).length, 3);
  t.is(bench.heard.length, 2);
  const fetch = new Fetch(bench.cache);
  const running = fetch.run([{ owner: 'a', source: { kind: 'git', url: bench.repository } }], undefined, {
    onStart: () => {
      fetch.cancel();
    },
    onDone: () => undefined,
    warn: () => undefined,
  });
  t.is((await codeOf(t, running)).code, 'FETCH_STOPPED');
});

async function serve(t: ExecutionContext, listener: RequestListener): Promise<{ url: string; stop: () => void }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
  };
  t.teardown(stop);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

test('a download is checked, executable, named as in its address, and asked for once when its checksum is known', async (t) => {
  const bench = new Bench(t);
  const program = '#!/bin/sh\necho hello\n';
  let asked = 0;
  const { url, stop } = await serve(t, (_request, response) => {
    asked += 1;
    response.end(program);
  });
  const source: FetchSource = { kind: 'download', url: `${url}/a%20b/n%C3%B6de.py?x=1`, sha256: sha256(program) };
  const [found] = await bench.fetch(source);
  t.is(path.basename(found!.path), 'n_de.py');
  t.is(found!.pinned, `sha256 ${sha256(program)}`);
  t.is(statSync(found!.path).mode & 0o777, 0o755);
  await bench.fetch(source);
  t.is(asked, 1);
  // Somebody changed the cache: it is seen, and mended.
  writeFileSync(found!.path, 'evil');
  const [mended] = await bench.fetch(source);
  t.is(readFileSync(mended!.path, 'utf8'), program);
  t.is(asked, 2);
  stop();
  await bench.fetch(source);
  writeFileSync(found!.path, 'evil');
  t.is((await codeOf(t, bench.fetch(source))).code, 'DOWNLOAD_FAILED');
});

test('without a checksum the newest is taken, and the last one when nobody answers', async (t) => {
  const bench = new Bench(t);
  let text = 'one';
  const { url, stop } = await serve(t, (_request, response) => {
    response.end(text);
  });
  const source: FetchSource = { kind: 'download', url: `${url}/` };
  const read = async (): Promise<string> => readFileSync((await bench.fetch(source))[0]!.path, 'utf8');
  t.is(await read(), 'one');
  text = 'two';
  t.is(await read(), 'two');
  stop();
  t.is(await read(), 'two');
  t.regex(bench.warnings[0]!, /cannot be downloaded: .*ECONNREFUSED.*taking what came last/);
});

test('wrong checksums, refusals, broken and endless bodies are errors that leave no file', async (t) => {
  const bench = new Bench(t);
  const { url } = await serve(t, (request, response) => {
    if (request.url === '/404') response.writeHead(404).end('no');
    else if (request.url === '/broken')
      response.writeHead(200, { 'content-length': '100' }).write('x', () => response.destroy());
    else if (request.url === '/loop') response.writeHead(302, { location: '/loop' }).end();
    else if (request.url === '/large')
      response.writeHead(200, { 'content-length': '5000000' }).end('x'.repeat(5_000_000));
    else if (request.url === '/endless') {
      const more = (): void => {
        if (!response.destroyed) response.write(Buffer.alloc(65_536), more);
      };
      more();
    } else response.end('hello');
  });
  const context = {
    cache: bench.cache,
    signal: new AbortController().signal,
    maxBytes: 1_000_000,
    warn: (): void => undefined,
  };
  const expected = {
    '/404': ['DOWNLOAD_FAILED', /404 Not Found/],
    '/broken': ['DOWNLOAD_FAILED', /cannot be downloaded/],
    '/loop': ['DOWNLOAD_FAILED', /redirect/],
    '/large': ['DOWNLOAD_TOO_LARGE', /1,000,000/],
    '/endless': ['DOWNLOAD_TOO_LARGE', /1,000,000/],
    '/ok': ['CHECKSUM_MISMATCH', /its SHA-256 is 2cf24d/],
  } as const;
  for (const [name, [code, words]] of Object.entries(expected)) {
    const source = {
      kind: 'download' as const,
      url: `${url}${name}`,
      ...(name === '/ok' ? { sha256: 'a'.repeat(64) } : {}),
    };
    const error = await codeOf(t, fetchDownload(source, context));
    t.is(error.code, code, name);
    t.regex(error.message, words);
  }
  const left = readdirSync(bench.cache, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  t.deepEqual(left, []);
});

test('a server that falls silent is given up; before it has said anything, what came last is taken', async (t) => {
  const bench = new Bench(t);
  let isSilent = false;
  const { url } = await serve(t, (request, response) => {
    if (request.url === '/stall') response.writeHead(200, { 'content-length': '100' }).write('x');
    else if (!isSilent) response.end('hello');
  });
  const warnings: string[] = [];
  const context = {
    cache: bench.cache,
    signal: new AbortController().signal,
    patienceMs: 300,
    warn: (message: string): void => void warnings.push(message),
  };
  const stalled = await codeOf(t, fetchDownload({ kind: 'download', url: `${url}/stall` }, context));
  t.deepEqual(
    [stalled.code, stalled.message],
    ['DOWNLOAD_FAILED', `${url}/stall cannot be downloaded: the server has been silent for 0.3 s`],
  );
  const source = { kind: 'download' as const, url: `${url}/program` };
  await fetchDownload(source, { ...context, patienceMs: 30_000 });
  isSilent = true;
  t.true((await fetchDownload(source, context)).cached);
  t.regex(warnings[0]!, /has been silent for 0\.3 s; taking what came last/);
  const never = await codeOf(t, fetchDownload({ kind: 'download', url: `${url}/other` }, context));
  t.is(never.code, 'DOWNLOAD_FAILED');
});
