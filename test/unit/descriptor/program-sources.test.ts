/** Where programs come from: repositories, downloads, a shell, the hub. What is said about them is checked before anything runs. */
import test from 'ava';
import { codes, dataflowOf, nodeOf, oneNode, parse } from './helpers.js';

const errors = (...lines: string[]): string[] =>
  codes(parse(oneNode(...lines), { purpose: 'run' }).diagnostics).map((code) => code.replace(/^\S+ /, ''));

test('a repository: its address, one of branch, tag and rev, and paths that start in it', (t) => {
  const node = nodeOf(
    dataflowOf(
      oneNode(
        'git: https://example.org/$NAME.git',
        'rev: 0123456',
        'path: target/x',
        'build: make',
        'working-directory: sub/./x',
      ),
      { purpose: 'run', host: { NAME: 'robot' }, files: 'require' },
    ),
    'a',
  );
  t.deepEqual(node.fetch, { kind: 'git', url: 'https://example.org/robot.git', rev: '0123456' });
  t.is(node.workingDirectory, 'sub/x');
  t.like(node.program, { command: 'target/x' });
  const plain = nodeOf(dataflowOf(oneNode('git: git@example.org:a/b.git', 'branch: feature/x', 'path: x')), 'a');
  t.deepEqual(plain.fetch, { kind: 'git', url: 'git@example.org:a/b.git', branch: 'feature/x' });
  t.is(plain.workingDirectory, '.');
  t.like(nodeOf(dataflowOf(oneNode('git: ../other', 'tag: 1.0', 'path: x')), 'a').fetch, { url: '/other', tag: '1.0' });
  t.like(nodeOf(dataflowOf(oneNode('git: ssh://git@example.org:22/x', 'custom: { source: x }')), 'a').fetch, {
    kind: 'git',
  });
});

test('addresses and names that git could take for something else are refused', (t) => {
  for (const url of [
    '--upload-pack=touch x',
    '-x',
    'ext::sh -c x',
    'ext::sh',
    'fd::3',
    'EXT::x',
    'http://-oProxyCommand=x/y',
    'ssh://user@-oProxyCommand=x/y',
    '-oProxyCommand=x:y',
    'user@-oProxyCommand=x:y',
    'rsync://example.org/x',
    'a b',
    '"a\\nb"',
    '"https://example.org/\\0"',
  ]) {
    const written = url.startsWith('"') ? url : JSON.stringify(url);
    const found = errors(`git: ${written}`, 'path: x');
    t.true(found.length === 1 && /^error (INVALID_URL|INVALID_VALUE)$/.test(found[0]!), `${url}: ${found.join()}`);
  }
  for (const line of [
    'branch: -x',
    'branch: a..b',
    'branch: "a b"',
    'branch: a~1',
    'branch: ""',
    'branch: x.lock',
    'branch: "@{u}"',
    'tag: "a:b"',
    'tag: /x',
    'rev: main',
    'rev: --x',
    'rev: abc',
    'rev: HEAD~1',
  ]) {
    t.deepEqual(errors('git: https://example.org/x', line, 'path: x'), ['error INVALID_VALUE'], line);
  }
  t.deepEqual(errors('git: https://example.org/x', 'branch: a', 'tag: b', 'path: x'), ['error MISPLACED_KEY']);
  t.deepEqual(errors('branch: a', 'path: x'), ['error MISPLACED_KEY']);
  t.deepEqual(errors('git: x', 'path: https://example.org/x'), ['error TWO_SOURCES']);
  t.deepEqual(errors('git: x', 'operator: { shared-library: x }'), ['error MISPLACED_KEY']);
});

test('a download: checksum, warnings, and what is no address', (t) => {
  const sum = 'AB'.repeat(32);
  const { dataflow, diagnostics } = parse(
    oneNode(`path: https://example.org/n.py?a=b`, `path_sha256: ${sum}`, 'args: x y'),
  );
  t.deepEqual(diagnostics, []);
  const node = nodeOf(dataflow!, 'a');
  t.deepEqual(node.fetch, { kind: 'download', url: 'https://example.org/n.py?a=b', sha256: sum.toLowerCase() });
  t.deepEqual(node.program?.args, ['x', 'y']);
  const digits = '12'.repeat(32);
  t.like(nodeOf(dataflowOf(oneNode('path: http://h/x', `path_sha256: ${digits}`)), 'a').fetch, { sha256: digits });
  t.deepEqual(errors('path: http://example.org/x'), ['warning INSECURE_DOWNLOAD']);
  t.deepEqual(errors('path: https://example.org/x'), []);
  t.deepEqual(errors('path: https://user:pw@example.org/x'), ['error INVALID_URL']);
  t.deepEqual(errors('path: "https://"'), ['error INVALID_URL']);
  t.deepEqual(errors('path: x', `path_sha256: ${sum}`), ['error MISPLACED_KEY']);
  t.deepEqual(errors(`path_sha256: ${sum}`, 'custom: { source: x }'), ['error MISPLACED_KEY']);
});

test('a shell runs only when it is allowed, and its variables are its own business', (t) => {
  const text = oneNode('path: shell', 'args: echo "$HOME" | wc -c; kill $$', 'env: { A: 1 }');
  t.deepEqual(codes(parse(text, { purpose: 'run' }).diagnostics), ['3:11 error SHELL_NOT_ALLOWED']);
  t.deepEqual(codes(parse(text).diagnostics), ['3:11 warning SHELL_NOT_ALLOWED']);
  for (const host of [{ DORA_ALLOW_SHELL_NODES: '1' }, { DORA_ALLOW_SHELL_NODES: 'true' }]) {
    t.truthy(parse(text, { purpose: 'run', host }).dataflow);
  }
  t.is(parse(text, { purpose: 'run', host: { DORA_ALLOW_SHELL_NODES: '0' } }).dataflow, undefined);
  const own = `env: { DORA_ALLOW_SHELL_NODES: 1 }\n${text}`;
  t.is(parse(own, { purpose: 'run' }).dataflow, undefined, 'a file cannot allow it to itself');
  const allowed = dataflowOf(text, { purpose: 'run', allowShellNodes: true });
  t.deepEqual(nodeOf(allowed, 'a').program, { command: '/bin/sh', args: ['-c', 'echo "$HOME" | wc -c; kill $$'] });
  t.deepEqual(errors('path: shell'), ['error MISSING_KEY']);
  t.deepEqual(errors('path: shell', 'args: [a, b]'), ['error INVALID_VALUE']);
});

test('packages of the hub are read and refused, with what to write instead', (t) => {
  for (const hub of [
    'dora-yolo@^0.5',
    'me/x@1.2.3',
    'x@>=1.2, <2',
    'x@1.x || 2.*',
    'x@*',
    'x@~1.2.3-rc.1+b',
    'x@1.0 - 2.0',
  ]) {
    const { diagnostics } = parse(oneNode(`hub: ${JSON.stringify(hub)}`), { purpose: 'run' });
    t.deepEqual(codes(diagnostics), ['3:5 error NOT_SUPPORTED_YET'], hub);
    t.regex(diagnostics[0]!.hint!, /"git" with its "tag"/);
  }
  for (const hub of [
    'dora-yolo',
    '@1',
    'x@',
    'x@latest',
    'a/b/c@1',
    '-x@1',
    `x@${'1 '.repeat(40)}`,
    `x@${'1'.repeat(400)}`,
    'x y@1',
  ]) {
    t.deepEqual(errors(`hub: ${JSON.stringify(hub)}`), ['error INVALID_VALUE'], hub);
  }
});
