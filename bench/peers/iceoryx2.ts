/**
 * iceoryx2, the shared-memory middleware in Rust: in event mode its reader sleeps, in poll mode it spins.
 */

import { measurePrograms } from '../measure.js';
import type { Settings } from '../measure.js';
import type { Pairs } from '../pairs.js';
import { cargoBinary, cargoBuild, isBuilt } from './cargo.js';
import type { Peer } from './peer.js';

export const iceoryx2: Peer = {
  title: 'iceoryx2 0.10.0',
  effort: 'compile',
  isHere: () => isBuilt('iceoryx2'),
  async install(log) {
    log('building iceoryx2, about two minutes');
    await cargoBuild('iceoryx2');
  },
};

export async function measureIceoryx2(mode: 'event' | 'poll', settings: Settings): Promise<Pairs> {
  const file = cargoBinary('iceoryx2');
  return measurePrograms(
    ['pong', 'ping'].map((role) => ({ file, args: [role, mode] })),
    settings,
  );
}
