// The loop of test/long/fuzz-descriptor.mjs: takes a text that was kept, damages it, asks the descriptor, and keeps the result
// when some branch was taken, or taken a new order of magnitude of times, that no text before had.
//
// A beat a second tells the watching process that no text takes without end; the text at work lies in shared memory, so that
// it is known when one does.
const { parentPort, workerData } = require('node:worker_threads');

const { target, seed, until, seeds, words, current, maxText } = workerData;
const { survive, mutate, pieces, randomFrom } = require(target);

const random = randomFrom(seed);
const below = (limit) => Math.floor(random() * limit);
const pick = (list) => list[below(list.length)];

/** Every branch and function of the instrumented files; istanbul counts in these arrays and objects. */
const counters = Object.values(globalThis.reached).flatMap(({ b, f }) => [...Object.values(b), f]);
const places = counters.map((group) => Object.keys(group));
const total = places.reduce((sum, keys) => sum + keys.length, 0);
const seen = new Uint8Array(total * 8);

/** Whether this run reached something new; the counters are zero afterwards. */
function takeNews() {
  let news = 0;
  let index = 0;
  for (let group = 0; group < counters.length; group++) {
    const counts = counters[group];
    for (const key of places[group]) {
      const count = counts[key];
      if (count > 0) {
        // 1, 2, 3, 4-7, 8-31, 32-127, 128-1023, more
        const size = count < 4 ? count - 1 : count < 8 ? 3 : count < 32 ? 4 : count < 128 ? 5 : count < 1024 ? 6 : 7;
        if (seen[index * 8 + size] === 0) {
          seen[index * 8 + size] = 1;
          news++;
        }
        counts[key] = 0;
      }
      index++;
    }
  }
  return news;
}

const length = new Int32Array(current, 0, 1);
const bytes = new Uint8Array(current, 4);
const encoder = new TextEncoder();

function ask(text) {
  length[0] = encoder.encodeInto(text, bytes).written;
  survive(text, 'check');
  survive(text, 'run');
}

function failureOf(text) {
  try {
    ask(text);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The same failure with as much as possible cut out. */
function smaller(text, message) {
  let best = text;
  const end = Date.now() + 10_000;
  for (let size = Math.ceil(text.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.length && Date.now() < end;) {
      const shorter = best.slice(0, at) + best.slice(at + size);
      if (failureOf(shorter)?.message === message) best = shorter;
      else at += size;
    }
  }
  return best;
}

/** A text from those that were kept: damaged, or two of them joined, with words of the format put in. */
function next(kept) {
  let text = pick(kept);
  if (random() < 0.15) {
    const other = pick(kept);
    text = text.slice(0, below(text.length + 1)) + other.slice(below(other.length + 1));
  }
  if (random() < 0.3) {
    const at = below(text.length + 1);
    text = `${text.slice(0, at)}${pick(words)}${pick([': ', '', '\n', ', ', ' '])}${text.slice(at + below(8))}`;
  }
  for (let count = random() < 0.4 ? 1 + below(3) : 0; count > 0; count--) {
    const at = below(text.length);
    text = text.slice(0, at) + String.fromCharCode(32 + below(95)) + text.slice(at + below(2));
  }
  if (random() < 0.2)
    text = text.replaceAll(/\d+/g, (number) => (random() < 0.2 ? String(below(10 ** (1 + below(9)))) : number));
  if (random() < 0.05) text = text.replace(/[\w-]+/, () => pick(pieces).repeat(1 + below(200)));
  return (random() < 0.9 ? mutate(text, random) : text).slice(0, maxText);
}

const kept = [];
for (const text of seeds) {
  ask(text);
  takeNews();
  kept.push(text);
}
let runs = 0;
let shown = Date.now();
let beat = Date.now();
const figures = () =>
  `${runs} texts, ${kept.length} kept, ${seen.reduce((sum, one) => sum + one, 0)} of ${total} places by counts`;
for (;;) {
  const text = next(kept);
  const error = failureOf(text);
  runs++;
  if (error !== undefined) {
    const found = smaller(text, error.message);
    parentPort.postMessage({ failure: { message: `seed ${seed}, text ${runs}: ${error.stack}`, text: found } });
    break;
  }
  // Shorter ones are worth more: what they reach is found again faster.
  if (takeNews() > 0 && text.length < maxText / 4) kept.push(text);
  const now = Date.now();
  if (now - beat > 1_000) {
    beat = now;
    parentPort.postMessage({ beat: true });
  }
  if (now - shown > 60_000) {
    shown = now;
    parentPort.postMessage({ figures: figures() });
  }
  if (now > until) {
    parentPort.postMessage({ figures: figures(), done: true });
    break;
  }
}
