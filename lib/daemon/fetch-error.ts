/**
 * What goes wrong when something is fetched, and how an address is shown.
 *
 * `details` are read by the coordinator, which tells whose source it was and what git said last. An address may hold a
 * password; no message does.
 */

import { DoraError } from '../errors.js';

export class FetchError extends DoraError {
  details: { node?: string; lastLines: string[] };

  constructor(code: string, message: string, hint: string, lastLines: string[] = []) {
    super(code, message, { hint });
    this.details = { lastLines };
  }
}

/** The address without what stands before its host. */
export function shownUrl(url: string): string {
  return url.replace(/^([A-Za-z][A-Za-z0-9+.-]*:\/\/)[^/@]*@/, '$1');
}
