import { MemoryStore } from '../../src/store/memory-store.ts'
import type { Store, StoreMap, StoreWriter } from '../../src/store/store.ts'
import { DeadError, type Power } from './power.ts'

type Change = (writer: StoreWriter) => void

/**
 * What a store keeps: as LMDB, a commit is there whole or not at all, and durable when it returns.
 */
export class StoreFile {
  readonly name: string
  readonly power: Power
  private kept = new MemoryStore()

  constructor(name: string, power: Power) {
    this.name = name
    this.power = power
  }

  open(): Store {
    const { kept, power, name } = this
    const { life } = power
    const check = () => power.check(life, `${name} read`)
    const map = (of: string): StoreMap => {
      check()
      const inner = kept.map(of)
      return {
        get: (key) => {
          check()
          return inner.get(key)
        },
        range: (from, to) => {
          check()
          return inner.range(from, to)
        },
        last: (from, to) => {
          check()
          return inner.last(from, to)
        },
      }
    }
    return {
      map,
      commit: (change) => this.commit(life, change),
      refresh: () => undefined,
      close: async () => undefined,
    }
  }

  private commit(life: number, change: Change): void {
    const step = `${this.name} commit`
    const operations: ((writer: StoreWriter) => void)[] = []
    change({
      put: (map, key, value) => {
        const [k, v] = [Buffer.from(key), Buffer.from(value)]
        operations.push((writer) => writer.put(map, k, v))
      },
      remove: (map, key) => {
        const k = Buffer.from(key)
        operations.push((writer) => writer.remove(map, k))
      },
    })
    const cut = this.power.step(life, step)
    if (!cut || this.power.random.chance(0.5)) {
      this.kept.commit((writer) => {
        for (const operation of operations) operation(writer)
      })
    }
    if (cut) throw new DeadError(step)
  }

  /** Of these keys each is gone with some chance, as behind a damaged page. */
  loseKeys(map: string, chance: number): void {
    const rows = [...this.kept.map(map).range(Buffer.alloc(1), Buffer.alloc(64, 0xff))]
    const lost = rows.filter(() => this.power.random.chance(chance))
    this.kept.commit((writer) => {
      for (const { key } of lost) writer.remove(map, key)
    })
  }

  /** Everything in it is gone: somebody deleted it, or it was damaged. */
  lose(): void {
    this.kept = new MemoryStore()
  }
}
