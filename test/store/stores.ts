import { join } from 'node:path'
import { LmdbStore } from '../../src/store/lmdb-store.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { Store } from '../../src/store/store.ts'
import { temporaryDirectory } from '../temporary.ts'

interface StoreUnderTest {
  readonly store: Store
  dispose(): Promise<void>
}

/** Every kind of store that there is, under its name. */
export const stores: Readonly<Record<string, () => StoreUnderTest>> = {
  memory: () => ({ store: new MemoryStore(), dispose: async () => undefined }),
  LMDB: () => {
    const { path, remove } = temporaryDirectory('store')
    const store = new LmdbStore(join(path, 'store.mdb'))
    return {
      store,
      dispose: async () => {
        await store.close()
        remove()
      },
    }
  },
}
