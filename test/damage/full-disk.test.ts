import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MiB } from '../../src/platform/limits.ts'
import { createmode3 } from '../../src/protocols/nfs3/procedures/create.ts'
import { nfsstat3 } from '../../src/protocols/nfs3/wire-types.ts'
import { sattr } from '../client/nfs3-client.ts'
import { Session } from '../protocols/session.ts'
import { ServerProcess } from '../server-process.ts'
import { SmallDisk } from './small-disk.ts'

const disk = SmallDisk.mount(192)
const skip = typeof disk === 'string' ? disk : false

describe('a disk that is full', { skip }, () => {
  const small = disk as SmallDisk
  const data = join(small.path, 'data')
  let server: ServerProcess | undefined
  let session: Session
  after(async () => {
    await session?.close()
    if (server?.alive) await server.kill()
    small.unmount()
  })

  const start = async (): Promise<void> => {
    server = await ServerProcess.start({ data, settings: { 'share-squash': 'none' } })
    await connect()
  }
  const connect = async (): Promise<void> => {
    await session?.close().catch(() => undefined)
    session = await Session.open((server as ServerProcess).port)
  }

  /** As clients do it: connects again when the connection is gone. */
  async function persist<T>(step: () => Promise<T>, millis = 15_000): Promise<T> {
    const until = performance.now() + millis
    for (;;) {
      try {
        return await step()
      } catch (error) {
        if (performance.now() > until) throw error
        await sleep(100)
        await connect().catch(() => undefined)
      }
    }
  }

  /** Until the space that nobody else can take has been taken again. */
  const refilled = async (): Promise<void> => {
    const held = () => statSync(join(data, 'reserve'), { throwIfNoEntry: false })?.size ?? 0
    for (let n = 0; n < 300 && held() < 16 * MiB; n++) await sleep(100)
    assert.equal(held(), 16 * MiB)
    // Written, and known to be.
    await sleep(500)
  }

  const create = (name: string) =>
    persist(async () => {
      const how = { mode: createmode3.UNCHECKED, obj_attributes: sattr({ mode: 0o644 }) }
      return session.nfs.create({ where: { dir: session.root, name }, how })
    })
  const statusOfRemove = (name: string) =>
    persist(async () => (await session.nfs.remove({ object: { dir: session.root, name } })).status)

  test('refuses what takes room with NOSPC, and goes on deleting', async () => {
    await start()
    let written = 0
    let status: number = nfsstat3.NFS3_OK
    for (let n = 0; status === nfsstat3.NFS3_OK && n < 400; n++) {
      const made = await create(`big-${n}`)
      status = made.status
      if (made.status !== nfsstat3.NFS3_OK) break
      const bytes = Buffer.alloc(MiB, n)
      bytes.writeUInt32LE(n)
      const args = { file: made.obj as Buffer, offset: 0, count: MiB, stable: 2 as const }
      status = (await session.nfs.write({ ...args, data: bytes })).status
      if (status === nfsstat3.NFS3_OK) written += 1
    }
    assert.equal(status, nfsstat3.NFS3ERR_NOSPC)
    assert.ok(written > 60, `${written} MiB were written`)
    assert.equal((await create('one-more')).status, nfsstat3.NFS3ERR_NOSPC)
    assert.equal(await statusOfRemove('big-0'), nfsstat3.NFS3_OK)
    const data = await session.readAll(await session.lookup(session.root, 'big-1'))
    assert.equal(data.readUInt32LE(), 1)
    assert.equal(data.length, MiB)
  })

  test('goes on without a restart when there is room again', async () => {
    small.resize(400)
    await sleep(500)
    assert.equal((await create('more')).status, nfsstat3.NFS3_OK)
    await refilled()
  })

  test('still deletes when others take all of it, and reads on', async () => {
    for (let n = 0; n < 300; n++) {
      assert.equal((await create(`small-${n}`)).status, nfsstat3.NFS3_OK)
    }
    small.fill()
    await sleep(600)
    assert.equal((await create('nothing')).status, nfsstat3.NFS3ERR_NOSPC)
    for (let n = 0; n < 300; n++) {
      assert.equal(await statusOfRemove(`small-${n}`), nfsstat3.NFS3_OK, `small-${n}`)
    }
    const file = await persist(() => session.lookup(session.root, 'big-1'))
    assert.equal((await session.readAll(file)).length, MiB)
    small.clear()
    await sleep(600)
    assert.equal((await create('after')).status, nfsstat3.NFS3_OK)
  })

  test('starts on a full disk behind a crash, and deletes', async () => {
    for (let n = 0; n < 20; n++) await create(`left-${n}`)
    await refilled()
    await server?.kill()
    small.fill()
    await start()
    assert.equal(await statusOfRemove('left-0'), nfsstat3.NFS3_OK)
    assert.equal((await create('nothing')).status, nfsstat3.NFS3ERR_NOSPC)
    small.clear()
    await sleep(600)
    assert.equal((await create('left-0')).status, nfsstat3.NFS3_OK)
    await refilled()
  })

  test('loses nothing that was acknowledged when it fills under writes', async () => {
    const acknowledged: string[] = []
    let refused = 0
    const filling = sleep(150).then(() => small.fill())
    for (let n = 0; n < 400; n++) {
      const name = `under-${n}`
      const answer = await persist(async () => {
        const made = await session.nfs.create({
          where: { dir: session.root, name },
          how: { mode: createmode3.UNCHECKED, obj_attributes: sattr({ mode: 0o644 }) },
        })
        if (made.status !== nfsstat3.NFS3_OK) return made.status
        const bytes = Buffer.alloc(8192, n)
        const args = { file: made.obj as Buffer, offset: 0, count: 8192, stable: 2 as const }
        return (await session.nfs.write({ ...args, data: bytes })).status
      }, 40_000)
      if (answer === nfsstat3.NFS3_OK) acknowledged.push(name)
      else {
        assert.equal(answer, nfsstat3.NFS3ERR_NOSPC)
        refused += 1
      }
      if (refused > 20) break
    }
    await filling
    assert.ok(refused > 0, 'the disk never was full')
    small.clear()
    await server?.kill()
    await start()
    for (const name of acknowledged) {
      const n = Number(name.slice('under-'.length))
      const file = await session.lookup(session.root, name)
      assert.ok((await session.readAll(file)).equals(Buffer.alloc(8192, n)), name)
    }
    assert.equal((await create('at-last')).status, nfsstat3.NFS3_OK)
  })
})
