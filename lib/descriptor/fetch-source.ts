/**
 * What a node takes from elsewhere: a git repository (`git:` with branch, tag or rev), a file (`path: https://…`), a
 * package of the dora hub (`hub:`, parsed and refused).
 *
 * An address goes to git or into a request on somebody's machine, so it is checked here, before anything runs: nothing
 * that git could take for an option or a command (`-x`, `ext::sh …`), no name of a branch that is none. Fetching itself
 * is the daemon's.
 */

import path from 'node:path';
import type { Place } from './diagnostic.js';
import type { RawNode, ResolveContext } from './draft.js';
import { expand, type Scope } from './environment.js';
import type { DownloadFetch, GitFetch } from './model.js';
import { quote } from './suggest.js';

/** The repository of a node; undefined when there is none, or what the file says about it is wrong. */
export function resolveGit(raw: RawNode, scope: Scope, context: ResolveContext): GitFetch | undefined {
  if (raw.git === undefined) return undefined;
  const place = context.places.value(raw, 'git');
  const url = gitUrl(expand(raw.git, scope, place, context), place, context);
  const key = (['branch', 'tag', 'rev'] as const).find((name) => raw[name] !== undefined);
  if (key === undefined) return url === undefined ? undefined : { kind: 'git', url };
  const at = context.places.value(raw, key);
  const value = expand(raw[key] ?? '', scope, at, context);
  const good = key === 'rev' ? checkRevision(value, at, context) : checkRefName(key, value, at, context);
  return url === undefined || !good ? undefined : { kind: 'git', url, [key]: value };
}

const schemes = ['https', 'http', 'ssh', 'git', 'file'];

/** The address as git takes it: a path becomes absolute. Undefined when it is refused, which is reported. */
function gitUrl(url: string, place: Place, context: ResolveContext): string | undefined {
  const problem = gitUrlProblem(url);
  if (problem !== undefined) {
    context.reporter.report(place, { code: 'INVALID_URL', ...problem });
    return undefined;
  }
  // user@host:path has a colon before the first slash.
  return /^[^/]*:/.test(url) ? url : path.resolve(context.folder, url);
}

function gitUrlProblem(url: string): { message: string; hint: string } | undefined {
  const hint = 'For example https://example.org/robot.git, git@example.org:robot.git, or the path of a repository.';
  if (url === '' || /[\s\u0000-\u001f\u007f]/u.test(url))
    return { message: `the address ${quote(url)} is empty or holds white space`, hint };
  if (url.startsWith('-')) return { message: `the address ${quote(url)} starts with "-"`, hint };
  if (/^[^/]*::/.test(url))
    return { message: `the address ${quote(url)} names a helper program ("::"), which a dataflow may not run`, hint };
  const scheme = /^([^/:]*):\/\//.exec(url)?.[1]?.toLowerCase();
  if (scheme !== undefined && !schemes.includes(scheme))
    return {
      message: `git does not fetch by ${quote(`${scheme}://`)} here`,
      hint: `Possible are ${schemes.join(', ')}.`,
    };
  const host = scheme === undefined ? /^([^/:]*):/.exec(url)?.[1] : /^[^/]*:\/\/([^/]*)/.exec(url)?.[1];
  if (host?.replace(/^.*@/, '').startsWith('-') === true)
    return { message: `the host in ${quote(url)} starts with "-"`, hint };
  return undefined;
}

function checkRevision(value: string, place: Place, context: ResolveContext): boolean {
  if (/^[0-9a-fA-F]{4,64}$/.test(value)) return true;
  context.reporter.report(place, {
    code: 'INVALID_VALUE',
    message: `"rev" is ${quote(value)}; it has to be a commit: 4 to 64 hex digits`,
    hint: 'A name goes into "branch" or "tag".',
  });
  return false;
}

/** The rules of git-check-ref-format, as far as they matter to others. */
function checkRefName(key: string, value: string, place: Place, context: ResolveContext): boolean {
  const wrong =
    value === '' ||
    /^[-/.]|\/$|\.$|\.lock$|\.\.|@\{|\/\/|\/\.|[\s\u0000-\u001f\u007f~^:?*[\\]/u.test(value) ||
    value === '@';
  if (!wrong) return true;
  context.reporter.report(place, {
    code: 'INVALID_VALUE',
    message: `"${key}" is ${quote(value)}, which git allows for no ${key}`,
    hint: `Write the name of a ${key}, for example ${key === 'tag' ? 'v1.0' : 'main'}.`,
  });
  return false;
}

/** A program to download. */
export function resolveDownload(
  url: string,
  raw: RawNode,
  place: Place,
  context: ResolveContext,
): DownloadFetch | undefined {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    context.reporter.report(place, {
      code: 'INVALID_URL',
      message: `${quote(url)} is no address`,
      hint: 'For example https://example.org/node.py.',
    });
    return undefined;
  }
  if (parsed.username !== '' || parsed.password !== '') {
    context.reporter.report(place, {
      code: 'INVALID_URL',
      message: 'the address of a program holds a user name or password',
      hint: 'Remove it; what needs a password is downloaded by "build".',
    });
    return undefined;
  }
  const sha256 = raw.path_sha256?.toLowerCase();
  if (parsed.protocol === 'http:' && !context.places.wrote(raw, 'path_sha256')) {
    context.reporter.report(place, {
      code: 'INSECURE_DOWNLOAD',
      severity: 'warning',
      message: 'this program comes over http without a checksum: anybody on the way can replace it',
      hint: 'Write https://, or give its SHA-256 by "path_sha256".',
    });
  }
  return { kind: 'download', url: parsed.href, ...(sha256 === undefined ? {} : { sha256 }) };
}

/** Name, then what semver allows as a range, loosely: `^1.2`, `>=1.2, <2`, `1.x || 2.*`, `*`. */
const packageForm = /^(?:([A-Za-z0-9][\w-]*)\/)?([A-Za-z0-9][\w.-]*)@(.+)$/;
const version = String.raw`(?:[=^~]|[<>]=?)?\s*v?(?:\d+|[xX*])(?:\.(?:\d+|[xX*])){0,2}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?`;
const rangeForm = new RegExp(String.raw`^\s*${version}(?:\s*(?:,|\|\||\s-\s|\s)\s*${version}){0,15}\s*$`);

/** Checks the name of a package of the dora hub; whatever it is, it cannot run here. */
export function checkHub(raw: RawNode, context: ResolveContext): boolean {
  const { hub } = raw;
  if (hub === undefined) return false;
  const [, , , range] = packageForm.exec(hub) ?? [];
  if (hub.length <= 300 && range !== undefined && rangeForm.test(range)) return true;
  context.reporter.report(context.places.value(raw, 'hub'), {
    code: 'INVALID_VALUE',
    message: `${quote(hub)} names no package of the dora hub`,
    hint: 'The form is [namespace/]name@range, for example dora-yolo@^0.5.',
  });
  return false;
}
