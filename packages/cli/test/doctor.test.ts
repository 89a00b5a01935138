import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DatabaseKind, type Lab, startLab } from '@flyroute/lab'
import { type PostgresCluster, startPostgres, whyNoMysql } from '@flyroute/lab/databases'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { checks, type Result } from '../src/doctor/command.ts'
import { main } from '../src/index.ts'

// Each mistake is planted in a lab, with its real distances and servers, and found by its name; and nothing is found where all is well.

const app = [process.execPath, '--conditions=@flyroute/source', join(import.meta.dirname, 'fixtures', 'doctor-app.ts')]
const secret = 'a key of more than sixteen characters'
const flyToml = `
app = "shop" # ours
primary_region = "ord"

[deploy]
  release_command = "node migrate.js"

[http_service]
  internal_port = 3000
  auto_stop_machines = "stop"
  min_machines_running = 1

  [[http_service.checks]]
    path = "/healthz"
`

interface Plant {
  readonly env?: Readonly<Record<string, string | null>>
  readonly files?: Readonly<Record<string, string>>
  readonly aheadMs?: number
}

/** What the doctor says in a region; never a secret, and in time. */
async function diagnose(
  lab: Lab,
  region: string,
  { env = {}, files = {}, aheadMs = 0 }: Plant = {},
): Promise<Result[]> {
  const plant = { env: { FLYROUTE_SECRET: secret, ...env }, files: { 'fly.toml': flyToml, ...files }, aheadMs }
  const begun = performance.now()
  const response = await lab.fetch(region, '/', { method: 'POST', body: JSON.stringify(plant) })
  const { code, printed, complaint } = (await response.json()) as { code: number; printed: string; complaint: string }
  expect(complaint).toBe('')
  expect(performance.now() - begun).toBeLessThan(10_000)
  const urls = lab.databases.nodes.flatMap(({ url, adminUrl }) => [url, adminUrl])
  for (const word of [secret, ...urls.map((url) => new URL(url).password)]) expect(printed).not.toContain(word)
  const results = JSON.parse(printed) as Result[]
  expect(code).toBe(results.some(({ verdict }) => verdict === 'fail') ? 1 : 0)
  return results
}

const faults = (results: readonly Result[]): string[] =>
  results.flatMap(({ name, verdict }) => (verdict === 'ok' ? [] : [`${verdict} ${name}`]))

/** One lab a describe. */
function inLab(database: DatabaseKind, options: object = {}): () => Lab {
  let lab: Lab | undefined
  beforeAll(async () => {
    const regions = ['ord', 'ams', 'gru']
    lab = await startLab({ regions, replicas: ['ams'], command: app, database, rtt: { 'ord-ams': 90 }, ...options })
  }, 120_000)
  afterAll(() => lab?.dispose())
  return () => lab as Lab
}

async function asAdmin(lab: Lab, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: lab.databases.primary.adminUrl })
  await client.connect()
  await client.query(sql)
  await client.end()
  await lab.databases.caughtUp()
}

describe('on Postgres', () => {
  const lab = inLab('postgres')
  let other: PostgresCluster | undefined
  beforeAll(async () => {
    other = await startPostgres({ replicas: 0 })
    const user = new URL(lab().databases.primary.url).username
    await asAdmin(lab(), `grant pg_monitor to "${user}"`)
  }, 60_000)
  afterAll(() => other?.dispose())

  const pooled = { DATABASE_URL: '$DATABASE_URL?pgbouncer=true' }
  const migrating = flyToml.replace('node migrate.js', 'npx prisma migrate deploy')
  test.each<[string, string, Plant]>([
    ['in the primary region', 'ord', {}],
    ['on a replica', 'ams', {}],
    ['without replicas, at home', 'ord', { env: { DATABASE_URL_AMS: null } }],
    [
      'with one replica for all other regions',
      'ams',
      { env: { DATABASE_URL_AMS: null, DATABASE_REPLICA_URL: '$DATABASE_URL_AMS' } },
    ],
    [
      'behind a pooler',
      'ord',
      { env: { ...pooled, DIRECT_DATABASE_URL: '$DATABASE_URL' }, files: { 'fly.toml': migrating } },
    ],
    ['behind a pooler, on a replica', 'ams', { env: { DATABASE_URL_AMS: '$DATABASE_URL_AMS?pgbouncer=true' } }],
  ])('nothing is found %s', async (_, region, plant) => {
    const results = await diagnose(lab(), region, plant)
    expect(faults(results)).toEqual([])
    expect(results.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['settings', 'servers', 'clocks', 'round-trips']),
    )
  })

  test('the round trips are those of the lab', async () => {
    const said = /^a statement takes ([\d.]+) ms, one on the primary (\d+) ms, a replay about \d+ ms$/
    let [local, far] = [Number.NaN, Number.NaN]
    // A busy machine makes one late, and none early.
    for (let attempts = 0; attempts < 5 && !(local < 40 && far < 180); attempts++) {
      const trips = (await diagnose(lab(), 'ams')).find(({ name }) => name === 'round-trips')?.why ?? ''
      ;[local = Number.NaN, far = Number.NaN] = (said.exec(trips) ?? []).slice(1).map(Number)
      expect(far).toBeGreaterThanOrEqual(90)
    }
    expect(local).toBeLessThan(40)
    expect(far).toBeLessThan(180)
  })

  const toml = (change: (text: string) => string, more: Readonly<Record<string, string>> = {}): Plant => ({
    files: { 'fly.toml': change(flyToml), ...more },
  })
  test.each<[string, string, Plant]>([
    ['fail settings', 'ams', { env: { PRIMARY_REGION: null }, files: { 'fly.toml': '' } }],
    ['warn region', 'ams', { env: { FLY_REGION: 'mad', DATABASE_URL_MAD: '$DATABASE_URL_AMS' } }],
    ['warn region', 'ams', { env: { FLY_REGION: 'xyz', DATABASE_URL_XYZ: '$DATABASE_URL_AMS' } }],
    ['warn ignored-settings', 'ams', { env: { DATABASE_URL_XXX: '$DATABASE_URL_AMS' } }],
    ['warn no-replica-here', 'gru', {}],
    [
      'fail managed-postgres',
      'ams',
      { env: { PRIMARY_REGION: 'jnb', DATABASE_URL: 'postgres://u:p@pgbouncer.x.flympg.net/app' } },
    ],
    ['fail internal-name', 'ams', { env: { DATABASE_URL_AMS: 'postgres://u:p@shop-db.internal:5433/app' } }],
    ['fail database-names', 'ams', { env: { DATABASE_URL_AMS: 'postgres://u:p@127.0.0.1:1/other' } }],
    ['warn token-key', 'ams', { env: { FLYROUTE_SECRET: '' } }],
    ['fail token-key', 'ams', { env: { FLYROUTE_SECRET: 'short' } }],
    ['fail servers', 'ams', { env: { DATABASE_URL_AMS: 'postgres://u:p@127.0.0.1:1/app' } }],
    ['fail replica-is-primary', 'ams', { env: { DATABASE_URL_AMS: '$DATABASE_URL' } }],
    ['fail replica-is-primary', 'ams', { env: { DATABASE_URL_AMS: '$DATABASE_URL?x=1' } }],
    ['fail primary-region', 'ams', { env: { PRIMARY_REGION: 'ams', DATABASE_URL_AMS: null } }],
    ['fail primary-region', 'ord', { env: { PRIMARY_REGION: 'gru', DATABASE_URL_AMS: null } }],
    ['fail primary-region', 'ord', { env: { DATABASE_URL: '$DATABASE_URL_AMS', DATABASE_URL_AMS: null } }],
    [
      'fail http-handler',
      'ord',
      toml(
        (text) =>
          `${text.split('[http_service]')[0]}[[services]]\n[[services.ports]]\nhandlers = [\n  "tls", # no http\n]`,
      ),
    ],
    ['warn primary-machine', 'ord', toml((text) => text.replace('running = 1', 'running = 0'))],
    [
      'warn replay-cache',
      'ord',
      toml((text) => `${text}\n[[http_service.http_options.replay_cache]]\ntype = "cookie"\nname = "sid"`),
    ],
    [
      'warn migrations-at-boot',
      'ord',
      toml((text) => `${text}\n[processes]\napp = "npm run migrate && node server.js"`),
    ],
    [
      'warn migrations-at-boot',
      'ord',
      toml((text) => text, { 'package.json': '{"scripts":{"start":"prisma migrate deploy && node ."}}' }),
    ],
    ['warn migrations-pooler', 'ord', { env: pooled, files: { 'fly.toml': migrating } }],
    ['fail health-check', 'ord', toml((text) => text.replace('/healthz', '/redirects'))],
    ['warn health-check', 'ord', toml((text) => text.replace('/healthz', '/lags'))],
    ['fail litefs-autostop', 'ord', toml((text) => text, { 'litefs.yml': 'lease:\n  type: consul\n' })],
    ['warn litefs-hostname', 'ord', toml((text) => text, { 'litefs.yml': 'lease:\n  hostname: "db.example"\n' })],
  ])('%s is found (in %s)', async (fault, region, plant) => {
    expect(faults(await diagnose(lab(), region, plant))).toContain(fault)
  })

  test('fail other-cluster is found', async () => {
    const results = await diagnose(lab(), 'ams', { env: { DATABASE_URL_AMS: other?.primary.url ?? '' } })
    expect(faults(results)).toContain('fail other-cluster')
  })

  test('warn monitor-rights is found, and warn gtids where the server does not say where it stands', async () => {
    const user = new URL(lab().databases.primary.url).username
    await asAdmin(lab(), `revoke pg_monitor from "${user}"`)
    expect(faults(await diagnose(lab(), 'ams'))).toEqual(['warn monitor-rights'])
    await asAdmin(lab(), 'revoke execute on function pg_control_system() from public')
    expect(faults(await diagnose(lab(), 'ams'))).toContain('warn gtids')
    await asAdmin(lab(), `grant execute on function pg_control_system() to public; grant pg_monitor to "${user}"`)
  })

  test('warn replica-lag is found', async () => {
    const replica = lab().databases.node('ams')
    await asAdmin(lab(), 'create table if not exists item (id int)')
    await replica.pauseReplay()
    try {
      await asAdminWithoutReplica('insert into item values (1)')
      await found('warn replica-lag', 30_000)
    } finally {
      await replica.resumeReplay()
    }
    await lab().databases.caughtUp()
  })

  test('fail replica-silent is found, and fail servers, where the ocean is cut', async () => {
    // Else the replica takes a minute to notice; and all the time, it would take a busy machine for a cut ocean.
    await asReplicasAdmin("alter system set wal_receiver_timeout = '1s'", 'select pg_reload_conf()')
    lab().cut('ord', 'ams')
    try {
      await found('fail replica-silent', 30_000)
      expect(faults(await diagnose(lab(), 'ams'))).toContain('fail servers')
    } finally {
      lab().heal('ord', 'ams')
    }
  })

  async function asReplicasAdmin(...texts: readonly string[]): Promise<void> {
    const client = new pg.Client({ connectionString: lab().databases.node('ams').adminUrl })
    await client.connect()
    for (const sql of texts) await client.query(sql)
    await client.end()
  }

  async function asAdminWithoutReplica(sql: string): Promise<void> {
    const client = new pg.Client({ connectionString: lab().databases.primary.adminUrl })
    await client.connect()
    await client.query(sql)
    await client.end()
  }

  async function found(fault: string, withinMs: number): Promise<void> {
    const until = Date.now() + withinMs
    for (;;) {
      const all = faults(await diagnose(lab(), 'ams'))
      if (all.includes(fault)) return
      if (Date.now() > until) throw new Error(`Not found: ${fault}, but ${all.join(', ')}`)
      await sleep(500)
    }
  }
})

const whyNot = await whyNoMysql()
const kinds: DatabaseKind[] = whyNot === undefined ? ['mariadb', 'mysql'] : ['mariadb']
describe.each(kinds)('on %s', (kind) => {
  const lab = inLab(kind, { regions: ['ord', 'ams'] })

  test.each(['ord', 'ams'])('nothing is found in %s', async (region) => {
    expect(faults(await diagnose(lab(), region))).toEqual([])
  })

  test('nothing is found without replicas, at home', async () => {
    expect(faults(await diagnose(lab(), 'ord', { env: { DATABASE_URL_AMS: null } }))).toEqual([])
  })

  test('fail writable-replica is found', async () => {
    const { hostname, username, password } = new URL(lab().databases.node('ams').adminUrl)
    const env = {
      DATABASE_URL_AMS: `mysql://${username}:${password}@${hostname}:${lab().databases.node('ams').port}/app`,
    }
    expect(faults(await diagnose(lab(), 'ams', { env }))).toContain('fail writable-replica')
  })

  const withGtids = kind === 'mysql' ? test : test.skip
  withGtids('warn gtids is found (MariaDB always has them, with its binary log)', async () => {
    await lab().databases.primary.settings({ gtid_mode: 'OFF', enforce_gtid_consistency: 'OFF' })
    expect(faults(await diagnose(lab(), 'ord'))).toContain('warn gtids')
  })
})

describe('the command', () => {
  const run = async (...args: string[]): Promise<{ code: number; printed: string; complaint: string }> => {
    const [printed, complaint]: [string[], string[]] = [[], []]
    const terminal = {
      print: (text: string) => void printed.push(text),
      complain: (text: string) => void complaint.push(text),
      ended: async () => undefined,
    }
    const code = await main(['doctor', ...args], terminal)
    return { code, printed: printed.join('\n'), complaint: complaint.join('\n') }
  }

  test('off Fly, where nothing is set, finds nothing', async () => {
    expect(await run()).toEqual({ code: 0, printed: '✓ settings: the settings agree with each other', complaint: '' })
  })

  test('says what is wrong, what it does, and what to do about it, and fails', async () => {
    process.env['DATABASE_URL'] = 'postgres://u:hunter2@127.0.0.1:1/app'
    process.env['PRIMARY_REGION'] = 'ams'
    try {
      const { code, printed } = await run('--region', 'ams')
      expect(code).toBe(1)
      expect(printed).toContain(
        [
          '✗ servers: the server of DATABASE_URL does not answer (ECONNREFUSED)',
          '    or else: requests are answered 503, or all of them are replayed',
          '    what to do: check that it runs, and who may connect',
        ].join('\n'),
      )
      expect(printed).not.toContain('hunter2')
      const json = JSON.parse((await run('--region', 'ams', '--json')).printed) as Result[]
      expect(json).toContainEqual({
        name: 'servers',
        verdict: 'fail',
        why: 'the server of DATABASE_URL does not answer (ECONNREFUSED)',
        remedy: 'check that it runs, and who may connect',
        symptom: 'requests are answered 503, or all of them are replayed',
      })
    } finally {
      delete process.env['DATABASE_URL']
      delete process.env['PRIMARY_REGION']
    }
  })

  test('tells a wrong option, and has a help text', async () => {
    expect(await run('--colour')).toMatchObject({ code: 2, complaint: expect.stringContaining('--colour') })
    expect((await run('--help')).printed).toContain('flyroute doctor [--region ams]')
  })

  test('docs/operate.md has each check, with its symptom', () => {
    const docs = readFileSync(join(import.meta.dirname, '../../../docs/operate.md'), 'utf8')
    for (const { name, symptom } of checks) expect(docs).toContain(`| \`${name}\` | ${symptom} |`)
  })
})
