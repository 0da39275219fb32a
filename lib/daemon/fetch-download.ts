/**
 * `path: https://…`: one file, downloaded, checked and made executable.
 *
 * `<cache>/downloads/<hash of address and checksum>/<name>`, written under a temporary name and renamed. With a checksum
 * the file is looked at again before each start, and no network is needed when it is right. Without one it is downloaded
 * each time, for nobody knows whether it is still the same; what came last is used, with a warning, when nobody answers.
 */

import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { FetchSource } from '../message/plan.js';
import { FetchError } from './fetch-error.js';

export type DownloadSource = Extract<FetchSource, { kind: 'download' }>;

/** A server that says nothing for so long is given up, as git gives it up. */
const PATIENCE_MS = 60_000;

/** A program is smaller. */
export const MAX_DOWNLOAD_BYTES = 1024 * 1024 * 1024;

export interface DownloadContext {
  readonly cache: string;
  readonly signal: AbortSignal;
  /** Default MAX_DOWNLOAD_BYTES. */
  readonly maxBytes?: number;
  /** How long a server may be silent. Default a minute. */
  readonly patienceMs?: number;
  warn(message: string): void;
}

/**
 * The program's file, and its SHA-256.
 * @throws FetchError
 */
export async function fetchDownload(
  source: DownloadSource,
  context: DownloadContext,
): Promise<{ path: string; sha256: string; cached: boolean }> {
  const { url, sha256 } = source;
  const key = createHash('sha256')
    .update(JSON.stringify([url, sha256]))
    .digest('hex')
    .slice(0, 24);
  const folder = path.join(context.cache, 'downloads', key);
  const file = path.join(folder, fileName(url));
  const have = existsSync(file) ? await hashOf(file) : undefined;
  if (have !== undefined && have === sha256) return { path: file, sha256: have, cached: true };
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const got = await download(url, temporary, context, sha256 !== undefined);
    if (sha256 !== undefined && got !== sha256) {
      throw new FetchError(
        'CHECKSUM_MISMATCH',
        `what came from ${url} is not what "path_sha256" says: its SHA-256 is ${got}, wanted is ${sha256}`,
        'Somebody has changed the file, or the checksum is of another version. Do not run it before you know.',
      );
    }
    renameSync(temporary, file);
    return { path: file, sha256: got, cached: false };
  } catch (error) {
    if (context.signal.aborted) throw new FetchError('FETCH_STOPPED', 'fetching was stopped', 'Start again to go on.');
    if (!(error instanceof Unreachable)) throw error;
    if (have === undefined || sha256 !== undefined) throw error.failure;
    context.warn(`${error.failure.message}; taking what came last, SHA-256 ${have}`);
    return { path: file, sha256: have, cached: true };
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Nobody answered: what came before may do. */
class Unreachable extends Error {
  constructor(readonly failure: FetchError) {
    super(failure.message);
  }
}

/** Writes the body to a file and returns its SHA-256. */
async function download(url: string, file: string, context: DownloadContext, checked: boolean): Promise<string> {
  const silence = new Silence(context.patienceMs ?? PATIENCE_MS);
  try {
    const signal = AbortSignal.any([context.signal, silence.signal]);
    const response = await fetch(url, { signal, headers: { 'user-agent': 'dora-ts' } }).catch((error: unknown) => {
      throw new Unreachable(failed(url, reason(error)));
    });
    if (!response.ok) throw failed(url, `the server says ${response.status} ${response.statusText}`.trim());
    if (!checked && url.startsWith('https:') && response.url.startsWith('http:'))
      throw failed(url, `it leads to ${response.url}, without encryption`);
    const limit = context.maxBytes ?? MAX_DOWNLOAD_BYTES;
    if (Number(response.headers.get('content-length') ?? 0) > limit) throw tooLarge(url, limit);
    const handle = await open(file, 'wx', 0o755);
    try {
      return await writeBody(response, handle, { url, limit, silence });
    } finally {
      await handle.close();
    }
  } finally {
    silence.end();
  }
}

/** Aborts when nothing is heard for a while. */
class Silence {
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(patienceMs: number) {
    this.#timer = setTimeout(() => {
      this.#abort.abort(new Error(`the server has been silent for ${String(patienceMs / 1000)} s`));
    }, patienceMs);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Something was heard: the time begins anew. */
  heard(): void {
    this.#timer.refresh();
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

async function writeBody(
  response: Response,
  handle: FileHandle,
  { url, limit, silence }: { url: string; limit: number; silence: Silence },
): Promise<string> {
  const hash = createHash('sha256');
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      silence.heard();
      const bytes = chunk as Uint8Array;
      size += bytes.length;
      if (size > limit) throw tooLarge(url, limit);
      hash.update(bytes);
      await handle.writeFile(bytes);
    }
  } catch (error) {
    throw error instanceof FetchError ? error : failed(url, reason(error));
  }
  // The umask may have taken the permission away.
  await handle.chmod(0o755);
  return hash.digest('hex');
}

function failed(url: string, why: string): FetchError {
  return new FetchError(
    'DOWNLOAD_FAILED',
    `${url} cannot be downloaded: ${why}`,
    'Look at the address and the network; a browser or "curl -fLO" shows whether it is there.',
  );
}

function tooLarge(url: string, limit: number): FetchError {
  return new FetchError(
    'DOWNLOAD_TOO_LARGE',
    `${url} holds more than ${limit.toLocaleString('en-US')} bytes`,
    'A path names one program. Fetch larger things by "build".',
  );
}

/** fetch() says "fetch failed" and hides why in the cause. */
function reason(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error && cause.message !== '' ? cause.message : message;
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** The last part of the address: its extension says how the program is run. */
function fileName(url: string): string {
  const last = new URL(url).pathname.split('/').at(-1) ?? '';
  const plain = decodeSafely(last)
    .replaceAll(/[^\w.-]+/g, '_')
    .replace(/^[.-]+/, '')
    .slice(-80);
  return plain === '' ? 'program' : plain;
}

function decodeSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
