/**
 * Reads the source and fails on what CONTRIBUTING.md forbids: an arrow that points up, ring code in the glue, a file without
 * a head, an error code nobody explains. Each rule is also given files that break it, so that a rule that cannot fail shows.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {
  checkAddonIsGlue,
  checkHeads,
  checkNativeIncludes,
  checkNothingSkipped,
  checkTypeScriptArrows,
  checkTypeScriptPowers,
} from './helpers/architecture.js';
import { documentedCodes, nativeCodes, typeScriptCodes } from './helpers/error-codes.js';
import { readSources, root } from './helpers/source-tree.js';
import type { Findings, SourceFile } from './helpers/source-tree.js';

const lib = readSources(['lib'], /\.ts$/);
const native = readSources(['native'], /\.(c|cc|h)$/);
const nativeParts = native.filter((file) => !file.path.startsWith('native/model/'));
const others = readSources(['test', 'scripts', 'bench', 'examples', 'templates'], /\.(ts|mjs|js|c|cc|h)$/);

const file = (name: string, text: string): SourceFile => ({ path: name, text });
type Rule = (files: readonly SourceFile[]) => Findings;

/** A rule finds nothing in `good` and something in each of `bad`. */
const rejects = test.macro({
  title: (providedTitle = '') => providedTitle,
  exec(t, rule: Rule, bad: readonly SourceFile[], good: readonly SourceFile[]) {
    for (const broken of bad) t.is(rule([broken]).length, 1, `${broken.path}: ${broken.text}`);
    t.deepEqual(rule(good), []);
  },
});

test('there is source to read', (t) => {
  t.true(lib.length > 0 && native.length > 0 && others.length > 0);
});

test('arrows between the folders of lib point down', (t) => {
  t.deepEqual(checkTypeScriptArrows(lib), []);
});

test(
  'an import that points up or sideways is found',
  rejects,
  checkTypeScriptArrows,
  [
    file('lib/message/a.ts', "import { x } from '../daemon/b.js';"),
    file('lib/daemon/a.ts', "import type { X } from '../coordinator/b.js';"),
    file('lib/descriptor/a.ts', "export * from '../native/load.js';"),
    file('lib/transport/a.ts', "await import('../node/node.js');"),
    file('lib/errors.ts', "import { x } from './message/b.js';"),
    file('lib/node/a.ts', "import { x } from '../index.js';"),
    file('lib/node/a.ts', "import { x } from '../misc/b.js';"),
    file('lib/cli/commands/up.ts', "import '../../daemon/d.js';\nimport '../../coordinator/c.js';"),
  ],
  [
    file('lib/cli/commands/run.ts', "import '../../daemon/d.js';\nimport '../../coordinator/c.js';"),
    file('lib/index.ts', "export * from './node/node.js';"),
    file('lib/node/a.ts', "import '../errors.js';\nimport './b.js';\nimport 'yaml';\nimport '../native/load.js';"),
  ],
);

test('message does no I/O, descriptor starts nothing, and one file finds the addon', (t) => {
  t.deepEqual(checkTypeScriptPowers(lib), []);
});

test(
  'a part that takes a power it should not have is found',
  rejects,
  checkTypeScriptPowers,
  [
    file('lib/message/a.ts', "import fs from 'node:fs/promises';"),
    file('lib/descriptor/a.ts', "import { spawn } from 'child_process';"),
    file('lib/daemon/a.ts', "require('../build/Release/dora_native.node');"),
  ],
  [
    file('lib/descriptor/a.ts', "import { readFileSync } from 'node:fs';"),
    file('lib/native/load.ts', "require('../build/Release/dora_native.node');"),
  ],
);

test('native includes point down, and only the addon knows Node.js', (t) => {
  t.deepEqual(checkNativeIncludes(nativeParts), []);
});

test(
  'an include that points up, sideways or to Node.js is found',
  rejects,
  checkNativeIncludes,
  [
    file('native/core/a.cc', '#include "node/node.h"'),
    file('native/core/a.cc', '#include "dora/node.h"'),
    file('native/node/a.cc', '#include "broker/broker.h"'),
    file('native/broker/a.cc', '#include "operator/loader.h"'),
    file('native/operator/a.cc', '#include <uv.h>'),
    file('native/node/a.cc', '#include <napi.h>'),
    file('native/core/a.cc', '#include <node_api.h>'),
    file('native/core/a.cc', '#include "ring.h"'),
    file('native/addon/a.cc', '  #  include "core/ring.h"'),
    file('native/addon/a.cc', '#include "core/pool.h"'),
    file('native/include/dora/types.h', '#include "core/status.h"'),
  ],
  [
    file(
      'native/core/a.cc',
      '#include "core/ring.h"\n#include <sys/mman.h>\n// #include "node/node.h"\n#include "dora/types.h"',
    ),
    file(
      'native/addon/a.cc',
      '#include <napi.h>\n#include <uv.h>\n#include "broker/broker.h"\n#include "core/status.h"',
    ),
    file('native/operator/a.cc', '#include "node/node.h"\n#include "dora/operator.h"'),
  ],
);

test('the addon holds no ring code', (t) => {
  t.deepEqual(checkAddonIsGlue(nativeParts), []);
});

test(
  'ring code in the addon is found',
  rejects,
  checkAddonIsGlue,
  [
    file('native/addon/a.cc', 'std::atomic_ref<uint64_t>(head)++;'),
    file('native/addon/a.cc', 'head.load(std::memory_order_acquire);'),
    file('native/addon/a.cc', 'void* p = mmap(nullptr, 1, 0, 0, fd, 0);'),
  ],
  [
    file('native/addon/a.cc', '// where core/ has its memory_order_acquire\nint x = 0;'),
    file('native/core/a.cc', 'head.load(std::memory_order_acquire);'),
  ],
);

test('every source file says at its head what it is for', (t) => {
  t.deepEqual(checkHeads([...lib, ...native, ...others]), []);
});

test(
  'a file without a head, or with a novel, is found',
  rejects,
  checkHeads,
  [
    file('lib/node/a.ts', "import 'x';\n/** one\n * two\n * three */"),
    file('lib/node/a.ts', '// one line only\nexport {};'),
    file('native/core/a.h', '#pragma once\n// one\n// two\n// three\n'),
    file('scripts/a.mjs', 'export {};'),
    file('lib/node/a.ts', `/**\n${' * a line\n'.repeat(40)} */`),
  ],
  [
    file('lib/node/a.ts', '#!/usr/bin/env node\n/**\n * one\n * two\n * three\n */\nexport {};'),
    file('native/core/b.h', '// one\n// two\n// three\n#pragma once\n'),
    file('native/core/b.cc', '// See b.h.\n#include "core/b.h"\n'),
  ],
);

test('no test is skipped', (t) => {
  const tests = readSources(['test', 'examples'], /(\.test\.ts|_test\.cc)$/).filter(
    ({ path: name }) => name !== 'test/architecture.test.ts',
  );
  t.deepEqual(checkNothingSkipped(tests), []);
});

test(
  'a skipped test is found',
  rejects,
  checkNothingSkipped,
  [
    file('test/a.test.ts', "test.skip('x', (t) => t.pass());"),
    file('test/native/a_test.cc', 'TEST_CASE("x" * doctest::skip()) {}'),
  ],
  [file('test/a.test.ts', "test('we skip a message', (t) => t.pass());")],
);

test('docs/errors.md has every code of the source, and no other', (t) => {
  const used = new Set([...lib.flatMap(typeScriptCodes), ...nativeParts.flatMap(nativeCodes)]);
  const page = path.join(root, 'docs/errors.md');
  t.true(existsSync(page), 'docs/errors.md is missing');
  const explained = new Set(documentedCodes(readFileSync(page, 'utf8')));
  t.true(used.size > 10 && explained.size > 10);
  t.deepEqual({ unexplained: [...used].filter((code) => !explained.has(code)).sort() }, { unexplained: [] });
  t.deepEqual({ unused: [...explained].filter((code) => !used.has(code)).sort() }, { unused: [] });
});

test('codes are read from source and page', (t) => {
  const source = `throw new DoraError('SHM_CORRUPT', 'x'); throw new TypeError('NOT_A_CODE'); if (e.code === 'ENOENT') report({ code: late ? 'TOO_LATE' : 'TOO_SOON' });
    class X extends DoraError { constructor() { super('NODE_FAILED', 'x'); } } Object.assign(e, { code: 'EISDIR' });`;
  t.deepEqual(typeScriptCodes(file('lib/a.ts', source)), ['SHM_CORRUPT', 'TOO_LATE', 'TOO_SOON', 'NODE_FAILED']);
  const cpp =
    '// "OLD_CODE"\ncase Status::ended: return "ENDED";\nfail("NO_ENTRY_SYMBOL"); getenv("SOME_VARIABLE"); getenv("DORA_X"); say("HELLO");';
  t.deepEqual(nativeCodes(file('native/a.cc', cpp)), ['ENDED', 'NO_ENTRY_SYMBOL']);
  t.deepEqual(
    documentedCodes('# Errors\n\n## Memory\n| code | meaning |\n| `SHM_CORRUPT` | x |\n### TOO_LATE\ntext `INLINE`\n'),
    ['SHM_CORRUPT', 'TOO_LATE'],
  );
});

test('native/sources.txt lists what is in the folders', async (t) => {
  const script = path.join(root, 'scripts/sources.mjs');
  const { parseSources, findSources } = (await import(script)) as {
    parseSources: (text: string) => Record<string, string[]>;
    findSources: () => Record<string, string[]>;
  };
  const listed = parseSources(readFileSync(path.join(root, 'native/sources.txt'), 'utf8'));
  const sorted = Object.fromEntries(Object.entries(listed).map(([section, files]) => [section, files.toSorted()]));
  t.deepEqual(sorted, findSources(), 'run: npm run sources');
  t.throws(() => parseSources('[nowhere]\n'), { message: /native\/sources\.txt:1/ });
  t.throws(() => parseSources('native/core/a.cc\n'), { message: /not in a known section/ });
});
