import { chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runOnPrimary } from '@flyroute/core'
import { createDriver } from '@flyroute/pg'
import type { PostgresNode } from '@flyroute/testkit'
import { rejection, request } from '@flyroute/testkit/requests'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { generate } from 'selfsigned'
import { Bench } from './support/open.ts'

const bench = new Bench('create table post (id serial primary key, title text)')
const encrypted = 'select ssl, version from pg_stat_ssl where pid = pg_backend_pid()'

let ca = ''
let folder = ''

beforeAll(async () => {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
    ],
  })
  ca = cert
  folder = await mkdtemp(join(tmpdir(), 'flyroute-ssl-'))
  await writeFile(join(folder, 'ca.pem'), cert)
  for (const node of [bench.cluster.primary, bench.replica]) await encrypt(node, key, cert)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

describe('a server with a certificate', () => {
  test('the replica, what is asked of it, and the primary are reached over TLS', async () => {
    const pool = bench.far({ ssl: { ca } })
    expect((await pool.query(encrypted)).rows).toEqual([{ ssl: true, version: 'TLSv1.3' }])
    expect((await runOnPrimary(() => pool.query(encrypted))).rows).toEqual([{ ssl: true, version: 'TLSv1.3' }])
    await request(() => runOnPrimary(() => pool.query("insert into post (title) values ('one')")))
    expect(await pool.replication.status()).toMatchObject({ role: 'replica' })
    for (const node of [bench.cluster.primary, bench.replica]) {
      const connections = await node.query<{ ssl: boolean }>(
        "select ssl from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'app'",
      )
      expect(connections.length).toBeGreaterThan(0)
      expect(connections.every(({ ssl }) => ssl)).toBe(true)
    }
  })

  test('a write is refused there as anywhere', async () => {
    const pool = bench.far({ ssl: { ca } })
    const refused = await rejection(request(() => pool.query("insert into post (title) values ('two')")))
    expect(refused).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'write' })
  })

  test('the parameters of the URLs are the driver’s', async () => {
    const parameters = `?sslmode=verify-full&sslrootcert=${encodeURIComponent(join(folder, 'ca.pem'))}`
    const { DATABASE_URL, DATABASE_URL_AMS } = bench.env
    const env = { DATABASE_URL: `${DATABASE_URL}${parameters}`, DATABASE_URL_AMS: `${DATABASE_URL_AMS}${parameters}` }
    const pool = bench.far({ env: { ...bench.env, ...env } })
    expect((await pool.query(encrypted)).rows).toEqual([{ ssl: true, version: 'TLSv1.3' }])
    expect((await runOnPrimary(() => pool.query(encrypted))).rows).toEqual([{ ssl: true, version: 'TLSv1.3' }])
  })

  test('one that nobody has vouched for is refused as by the driver, and is no reason to go elsewhere', async () => {
    const theirs = bench.bare(bench.replica.url, { ssl: true })
    const expected = await rejection(theirs.query('select 1'))
    const found = await rejection(request(() => bench.far({ ssl: true }).query('select 1')))
    expect(found).toMatchObject({ code: expected.code, message: expected.message })
  })

  test('a single client', async () => {
    const client = new (createDriver({ env: bench.env, ssl: { ca } }).Client)()
    await client.connect()
    expect((await client.query(encrypted)).rows).toEqual([{ ssl: true, version: 'TLSv1.3' }])
    await client.end()
  })
})

/** Has a server take connections over TLS. The key belongs to whoever runs the server, or it would not be read. */
async function encrypt(node: PostgresNode, key: string, cert: string): Promise<void> {
  const [where] = await node.query<{ data_directory: string }>('show data_directory')
  const data = where?.data_directory ?? ''
  const { uid, gid } = await stat(data)
  for (const [name, text] of [
    ['server.key', key],
    ['server.crt', cert],
  ] as const) {
    await writeFile(join(data, name), text, { mode: 0o600 })
    await chown(join(data, name), uid, gid)
  }
  await node.settings({ ssl: 'on' })
}
