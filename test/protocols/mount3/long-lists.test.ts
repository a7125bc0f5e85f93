/** Lists of mounts and exports that are longer than any reply may be: what fits is told. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Mount3Client } from '../../client/mount3-client.ts'
import { serveShare } from '../served-share.ts'

const share = await serveShare()
const MiB = 2 ** 20

test('DUMP: a client with many mounts does not hide those with few', async () => {
  const few: string[] = []
  for (let host = 2; host < 12; host++) {
    const localAddress = `127.0.1.${host}`
    await new Mount3Client(await share.connect({ localAddress })).root('/export')
    few.push(localAddress)
  }
  // Paths of nearly 1024 bytes, 32 KiB of them for each client: more than 4 MiB in all.
  const paths = Array.from({ length: 31 }, (_, n) => `${'/'.repeat(1016 - n)}export`)
  for (let host = 2; host < 142; host++) {
    const rpc = await share.connect({ localAddress: `127.0.2.${host}` })
    const mount = new Mount3Client(rpc)
    await Promise.all(paths.map((path) => mount.root(path)))
    await rpc.close()
  }
  const last = await share.connect({ localAddress: '127.0.1.12' })
  await new Mount3Client(last).root('/export')
  const listed = await new Mount3Client(last).dump()
  const hosts = new Set(listed.map(({ ml_hostname }) => ml_hostname))
  for (const host of [...few, '127.0.1.12']) assert.ok(hosts.has(host), host)
  assert.equal(hosts.size, 11 + 140)
  const bytes = listed.reduce((sum, one) => sum + one.ml_directory.length, 0)
  assert.ok(bytes > 0.9 * MiB && bytes < MiB, `${bytes} bytes`)
  const ofOne = listed.filter(({ ml_hostname }) => ml_hostname === '127.0.2.2')
  const newest = paths.slice(-ofOne.length)
  assert.deepEqual(
    ofOne.map(({ ml_directory }) => ml_directory),
    newest,
  )
})

test('EXPORT: each share is told of with all who may use it, or not at all', async () => {
  const mount = new Mount3Client(await share.connect())
  const allow = Array.from({ length: 1000 }, (_, n) => `2001:db8:1234:5678:9abc:def0:1234:${n}/128`)
  for (let i = 0; i < 90; i++) {
    const body = { name: `/many/${i}`, options: { allow } }
    await share.server.administer('POST', '/v1/shares', body)
  }
  await share.add('/last')
  const exports = await mount.export()
  const byName = new Map(exports.map(({ ex_dir, ex_groups }) => [ex_dir, ex_groups]))
  for (const open of ['/export', '/last']) assert.deepEqual(byName.get(open), [])
  const many = exports.filter(({ ex_dir }) => ex_dir.startsWith('/many/'))
  assert.ok(many.length > 10 && many.length < 30, `${many.length} shares`)
  for (const { ex_groups } of many) {
    assert.deepEqual(
      ex_groups.map(({ gr_name }) => gr_name),
      allow,
    )
  }
})
