import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from '@jest/globals'
import { Bench } from './support/open.ts'

// What an app says by itself, as its operator sees it: a process with the variables of a machine, and its standard error.

const bench = new Bench('create table note (text text)')
const program = join(import.meta.dirname, 'log', 'main.ts')

class App {
  readonly #process: ReturnType<typeof spawn>
  readonly printed: string[] = []
  readonly said: string[] = []

  constructor(env: Record<string, string>) {
    // Not as in a test: an operator's machine has no such variable.
    const { NODE_ENV: _, FLYROUTE_LOG: __, ...own } = process.env
    this.#process = spawn(process.execPath, ['--conditions=@flyroute/source', program], {
      env: { ...own, ...bench.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const [stream, lines] of [
      [this.#process.stdout, this.printed],
      [this.#process.stderr, this.said],
    ] as const) {
      let rest = ''
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        const parts = (rest + chunk).split('\n')
        rest = parts.pop() ?? ''
        lines.push(...parts)
      })
    }
  }

  /** The first line that matches, as soon as there is one. */
  async line(lines: readonly string[], pattern: RegExp): Promise<string> {
    for (let look = 0; look < 1_000; look++) {
      const found = lines.find((line) => pattern.test(line))
      if (found !== undefined) return found
      await sleep(10)
    }
    throw new Error(`Nothing matches ${pattern}: ${JSON.stringify([this.printed, this.said])}`)
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<{ status: number; text: string }> {
    const [, port] = /^port (\d+)/.exec(await this.line(this.printed, /^port/)) ?? []
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers })
    return { status: response.status, text: await response.text() }
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return
    const ended = new Promise((resolve) => this.#process.once('close', resolve))
    this.#process.kill()
    await ended
  }
}

const apps: App[] = []
afterEach(() => Promise.all(apps.splice(0).map((app) => app.stop())))
function start(env: Record<string, string> = {}): App {
  const app = new App(env)
  apps.push(app)
  return app
}

describe('the line at boot, before any request', () => {
  test('on a replica', async () => {
    const app = start()
    expect(await app.line(app.said, /^flyroute/)).toMatch(
      /^flyroute: ams reads from DATABASE_URL_AMS \(replica, (up to date|\d+ (ms|s) behind)\), writes go to ord$/,
    )
    expect(app.said).toHaveLength(1)
  })

  test('in the primary region', async () => {
    const app = start({ FLY_REGION: 'ord' })
    expect(await app.line(app.said, /^flyroute/)).toBe('flyroute: ord reads from and writes to DATABASE_URL (primary)')
  })

  test('where no replica is near, with what that means', async () => {
    const app = start({ DATABASE_URL_AMS: '' })
    expect(await app.line(app.said, /reads/)).toBe(
      'flyroute: ams reads from DATABASE_URL (primary in ord), writes go to ord',
    )
    expect(await app.line(app.said, /warning/)).toBe(
      'flyroute: warning: no replica is configured for ams: it uses the primary in ord, across regions',
    )
  })

  test.each<[string, Record<string, string>]>([
    ['off Fly', { FLY_REGION: '' }],
    ['in tests', { NODE_ENV: 'test' }],
    ['where it is switched off', { FLYROUTE_LOG: 'off' }],
  ])('not %s', async (_, env) => {
    const app = start(env)
    await app.get('/read')
    // Longer than lines are held.
    await sleep(1_200)
    expect(app.said).toEqual([])
  })

  test('not where only warnings are wanted; off Fly where it is asked for', async () => {
    const [quiet, asked] = [start({ FLYROUTE_LOG: 'warn' }), start({ FLY_REGION: '', FLYROUTE_LOG: 'info' })]
    expect(await asked.line(asked.said, /^flyroute/)).toBe(
      'flyroute: this process reads from and writes to DATABASE_URL (primary)',
    )
    await quiet.get('/read')
    expect(quiet.said).toEqual([])
  })
})

describe('what is wrong is said with what to do', () => {
  test('a replica URL that leads to the primary', async () => {
    const app = start({ DATABASE_URL_AMS: bench.cluster.primary.url.replace('127.0.0.1', 'localhost') })
    expect(await app.line(app.said, /warning/)).toBe(
      'flyroute: warning: DATABASE_URL_AMS should lead to a replica, and its server says that it is a primary: it is used as one; check DATABASE_URL_AMS, unless it was promoted',
    )
  })

  test('a replica that does not answer, and that it does again', async () => {
    await bench.replica.stop()
    const app = start()
    expect(await app.line(app.said, /warning/)).toMatch(
      /^flyroute: warning: the replica of DATABASE_URL_AMS cannot be reached \(ECONNREFUSED\): its requests are replayed until it can; check/,
    )
    await bench.replica.start()
    // The breaker closes within a second; that is said at the end of the minute, and where reads go now at once.
    expect(await app.line(app.said, /reads from/)).toMatch(/DATABASE_URL_AMS \(replica/)
  })

  test('a variable that counts for nothing, and a level that there is not', async () => {
    const app = start({ DATABASE_URL_XXX: 'postgres://elsewhere/app', FLYROUTE_LOG: 'loud' })
    expect(await app.line(app.said, /XXX/)).toMatch(/^flyroute: warning: DATABASE_URL_XXX is ignored: /)
    expect(await app.line(app.said, /FLYROUTE_LOG/)).toMatch(/is none of off, warn, info, debug: info is used$/)
  })

  test('a route that no middleware stands ahead of: its error and a line say so', async () => {
    const app = start()
    const { status, text } = await app.get('/forgotten/write')
    expect(status).toBe(500)
    const { message, willBeReplayed } = JSON.parse(text)
    expect(message).toBe(
      '[ERR_PRIMARY_REQUIRED] a statement that writes (insert) reached a replica (region ams), in an HTTP request that no middleware of flyroute stands ahead of; put replayMiddleware({ databases: [pool] }) ahead of all routes, or replayable() around the handler',
    )
    expect(willBeReplayed).toBe(false)
    expect(await app.line(app.said, /no middleware/)).toMatch(/^flyroute: warning: a statement that needs the primary/)
    // What goes on after an answer is a job.
    await app.get('/forgotten/job')
    expect(await app.line(app.printed, /ERR_PRIMARY/)).toMatch(/outside a request; wrap the work in runOnPrimary/)
  })

  test('a key that this region does not have', async () => {
    const app = start({ FLYROUTE_SECRET: 'a key of sixteen characters' })
    const state = `flyroute:method:post@app~${Date.now().toString(36)}.${'x'.repeat(22)}`
    await app.get('/read', { 'fly-replay-src': `instance=1;region=ord;t=1;state=${state}` })
    expect(await app.line(app.said, /signed/)).toMatch(/another key than this region has.*FLYROUTE_SECRET/)
    const without = start()
    await without.get('/read', { 'fly-replay-src': `instance=1;region=ord;t=1;state=${state}` })
    expect(await without.line(without.said, /signed/)).toMatch(/and this region has none; set the same FLYROUTE_SECRET/)
  })

  test('a connection that its request does not give back, which its pool has again', async () => {
    const app = start()
    expect((await app.get('/kept')).status).toBe(409)
    expect(await app.line(app.said, /warning: a request that/)).toMatch(
      /has not given its connection back.*release it in a `finally`/,
    )
    expect((await app.get('/read')).status).toBe(200)
  })

  test('one that is given back in an open transaction', async () => {
    const app = start()
    expect((await app.get('/open')).status).toBe(409)
    expect(await app.line(app.said, /warning: a request that/)).toMatch(/in an open transaction, which was rolled back/)
    expect((await app.get('/read')).status).toBe(200)
  })
})

test('what is replayed says that there is nothing to do', async () => {
  const app = start()
  expect((await app.get('/write')).status).toBe(409)
  expect(await app.line(app.printed, /^seen/)).toBe(
    'seen: true [ERR_PRIMARY_REQUIRED] a statement that writes (insert) reached a replica (region ams), so that this request is being replayed; nothing to do',
  )
})

test('debug tells every event, and no secret', async () => {
  const app = start({ FLYROUTE_LOG: 'debug' })
  await app.get('/write')
  expect(await app.line(app.said, /replay /)).toMatch(
    /^flyroute: replay reason="write" detail="insert" from="ams" target="ord" priceMs=\d+/,
  )
  const all = app.said.join('\n')
  for (const word of ['hunter2', 'insert into', 'postgres:', new URL(bench.replica.url).password])
    expect(all).not.toContain(word)
})

describe('a log of the app', () => {
  test('as a function gets lines with their level and event, also of what came before it', async () => {
    const app = start({ LOG: 'function', DATABASE_URL_XXX: 'postgres://elsewhere/app' })
    const notice = JSON.parse(await app.line(app.printed, /ignored/))
    expect(notice).toEqual({ level: 'warn', event: 'notice', message: expect.stringMatching(/^DATABASE_URL_XXX/) })
    expect(JSON.parse(await app.line(app.printed, /reads from/))).toMatchObject({ level: 'info', event: 'connected' })
    expect(app.said).toEqual([])
  })

  test('as a logger gets texts', async () => {
    const app = start({ LOG: 'console', DATABASE_URL_XXX: 'postgres://elsewhere/app' })
    // `console` has information on standard output, and warnings on standard error.
    expect(await app.line(app.printed, /reads from/)).toMatch(/^flyroute: ams/)
    expect(await app.line(app.said, /ignored/)).toMatch(/^flyroute: DATABASE_URL_XXX/)
  })

  test('that fails does no harm', async () => {
    const app = start({ LOG: 'failing' })
    expect((await app.get('/read')).status).toBe(200)
    expect(app.said).toEqual([])
  })
})
