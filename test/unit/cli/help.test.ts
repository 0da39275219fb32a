/** docs/cli.md has a section for every command, and each option of its help stands in it. */

import { readFileSync } from 'node:fs';
import test from 'ava';
import { Console } from '../../../lib/cli/console.js';
import { makeProgram } from '../../../lib/cli/program.js';

const page = readFileSync('docs/cli.md', 'utf8');

test('every command and every option of --help is in docs/cli.md', (t) => {
  const { commands } = makeProgram({ console: new Console(), done: () => undefined });
  t.true(commands.length >= 5);
  for (const command of commands) {
    const name = command.name();
    const [, section = ''] = page.split(`\n## dora ${name}\n`);
    const [text = ''] = section.split('\n## ');
    t.not(text, '', `dora ${name}: no section`);
    for (const { long, short } of command.options) {
      t.true(text.includes(`\`${long!}`), `dora ${name} ${long!}`);
      if (short !== undefined) t.true(page.includes(`\`${short}\``), `dora ${name} ${short}`);
    }
  }
});
