/** The scenarios, each a shell script under scenarios/ that runs in one or two guests. */
import { settings } from './settings.ts'

export interface Scenario {
  /** Its file under scenarios/. */
  readonly name: string
  readonly title: string
  readonly guests: 1 | 2
}

/** By when a scenario must be over, disturbed or not. */
export const timeoutMs = 240_000 * Math.max(1, settings.scale)

export const scenarios: readonly Scenario[] = [
  inOneGuest('git', 'git clones, commits, repacks and finds every object'),
  inOneGuest('make', 'make builds a C project, and only what changed afterwards'),
  inOneGuest('sqlite', 'SQLite commits thousands of inserts and stays intact'),
  inOneGuest('tar', 'a tree with every kind of entry and odd names survives tar'),
  inOneGuest('fio', 'fio reads back what it wrote: sequential, random, buffered, direct'),
  inOneGuest('dbench', 'dbench runs its office workload without an error'),
  inOneGuest('mmap', 'memory-mapped writes reach the server and come back'),
  inOneGuest('sparse', 'sparse files of 5 GiB keep their holes and their data'),
  inOneGuest('many-entries', 'a directory of 20,000 files lists each once while others go'),
  inOneGuest('history', 'the past is browsed and copied from .history'),
  inOneGuest('posix', 'POSIX semantics, as root and as ordinary users'),
  inTwoGuests('two-clients', 'two clients see each other’s work and exclude each other'),
]

function inOneGuest(name: string, title: string): Scenario {
  return { name, title, guests: 1 }
}

function inTwoGuests(name: string, title: string): Scenario {
  return { name, title, guests: 2 }
}
