import { setTimeout as sleep } from 'node:timers/promises'
import { encodeToken } from '@flyroute/core/adapter'
import type { FlyroutePool } from '@flyroute/pg'
import { inRequest } from '@flyroute/testkit/requests'
import { expect, test } from '@jest/globals'
import { Bench } from './support/open.ts'
import { Wire } from './support/wire.ts'

const bench = new Bench('create table seen (id int)')

test('a replica is asked in full at first, then in brief for a while, and says the same', async () => {
  await using wire = await Wire.to(bench.replica.port)
  const far = bench.far({ env: { ...bench.env, DATABASE_URL_AMS: wire.url(bench.replica.url) } })
  const begun = performance.now()
  const full = await far.replication.status()
  const asked = wire.statements.length
  // When it has heard from its primary is known from the second look on, as soon as that has answered.
  const { lastContactSeconds = 0, ...again } = await far.replication.status()
  expect(again).toEqual(full)
  expect(lastContactSeconds).toBeLessThanOrEqual((performance.now() - begun) / 1_000)
  await bench.cluster.primary.query('insert into seen values (1)')
  await bench.cluster.caughtUp()
  const moved = await far.replication.status()
  expect(moved.position).not.toBe(full.position)
  for (const sql of wire.statements.slice(asked)) expect(sql).not.toContain('pg_control')
  await sleep(550)
  await far.replication.status()
  expect(wire.statements.at(-1)).toContain('pg_control')
  let told = await far.replication.status()
  while (told.lastContactSeconds === undefined) told = await far.replication.status()
  expect(told.lastContactSeconds).toBeLessThanOrEqual((performance.now() - begun) / 1_000)
})

const tellsToWait = (sql: string): boolean => /wait for/i.test(sql)

test('a server that is too old is not told to wait, whoever waits for it', async () => {
  await using wire = await Wire.to(bench.replica.port)
  const far = bench.far({ env: { ...bench.env, DATABASE_URL_AMS: wire.url(bench.replica.url) } })
  await waitFor(far, wire)
  expect(wire.statements.filter(tellsToWait)).toEqual([])
})

test('one that refuses it, whatever version it tells, is told once', async () => {
  await using wire = await Wire.to(bench.replica.port)
  // As a proxy may that tells a version of its own.
  wire.onAnswer = (chunk) => {
    const text = chunk.toString('latin1').replace('server_version\x0018.', 'server_version\x0019.')
    return Buffer.from(text, 'latin1')
  }
  const far = bench.far({ env: { ...bench.env, DATABASE_URL_AMS: wire.url(bench.replica.url) } })
  for (let i = 0; i < 2; i++) await waitFor(far, wire)
  expect(wire.connections).toBe(1)
  expect(wire.statements.filter(tellsToWait)).toHaveLength(1)
  expect(await far.replication.status()).toMatchObject({ position: expect.any(String), replicaUnavailable: false })
})

/** Waits for what the replica is behind with, until it has been asked a few times. */
async function waitFor(far: FlyroutePool, wire: Wire): Promise<void> {
  await bench.replica.pauseReplay()
  const { state } = await inRequest(() => bench.near().query('insert into seen values (2)'))
  const asked = wire.statements.length
  const waiting = far.replication.waitFor(encodeToken(state.positions), { timeoutMs: 60_000 })
  while (wire.statements.length < asked + 5) await sleep(1)
  await bench.replica.resumeReplay()
  await waiting
}

test('a promotion is noticed in brief as well', async () => {
  const node = await bench.cluster.addReplica()
  const far = bench.far({ env: { ...bench.env, DATABASE_URL_AMS: node.url } })
  expect(await far.replication.status()).toMatchObject({ role: 'replica' })
  await node.promote()
  expect(await far.replication.status()).toMatchObject({ role: 'primary' })
})
