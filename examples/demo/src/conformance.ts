import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { type Lab, startLab } from '@flyroute/lab'
import type { PostgresCluster } from '@flyroute/lab/databases'
import { Client, type Visit } from './client.ts'
import { glueOf } from './glue.ts'

/** How an app is asked for something, and where its answer is in the body. */
export interface Call {
  readonly path: string
  readonly init?: RequestInit
  /** What the body says, for apps that wrap it. Default: the body. */
  readonly pick?: (body: unknown) => unknown
}

/** What every app of the suite does, in whatever way it is asked. */
export interface Calls {
  /** Reads: all posts, `{ id, title, views }`. */
  list(): Call
  /** Writes a post and gives it back; sets the cookie `last-post` to its id. */
  add(title: string): Call
  /** Counts a view of a post and gives it back: a read by its method, a write by its statement. */
  view(id: number): Call
  /** A transaction that reads the sums `{ posts, views }` and then writes them. */
  report(): Call
  /** Posts whose title has this text; writes the text down where it is to be remembered. Nothing says so but the body. */
  search(text: string, remember: boolean): Call
  /** Streams the titles of all posts, as they come, a line each, until one is called `The end`. */
  live(): Call
  /** Takes so many bytes, writes their number down, and gives back `{ bytes }`. */
  upload(bytes: number): Call
  /** Writes, and swallows the error: answers `{ ok: true }`, or something else. */
  careless(): Call
}

export interface AppUnderTest {
  /** Where it is, from the repository's root or absolute. */
  readonly folder: string
  /** Default: `node src/server.ts`. */
  readonly command?: readonly string[]
  /** Default: `node src/migrate.ts`. */
  readonly setup?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Where it is asked otherwise than by the paths of a plain REST app. */
  readonly calls?: Partial<Calls>
  /** By path: an error of the app's own, as its framework sends it when flyroute is not there. */
  readonly errors: Readonly<Record<string, { status: number; type: string | null; body: string | RegExp }>>
  /** It is not for copying: its lines of glue are not counted. */
  readonly isExample?: boolean
  /** Why a body of unknown length is not replayed. Default: it is. */
  readonly unmeasured?: string
}

const root = join(import.meta.dirname, '../../..')

const json = (body: object): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

const rest: Calls = {
  list: () => ({ path: '/posts' }),
  add: (title) => ({ path: '/posts', init: json({ title }) }),
  view: (id) => ({ path: `/posts/${id}` }),
  report: () => ({ path: '/report' }),
  search: (text, remember) => ({ path: '/search', init: json({ text, remember }) }),
  live: () => ({ path: '/live' }),
  upload: (bytes) => ({
    path: '/uploads',
    init: { method: 'POST', headers: { 'content-type': 'application/octet-stream' }, body: new Uint8Array(bytes) },
  }),
  careless: () => ({ path: '/careless' }),
}

/** An app in two regions, with its primary in `ord` and a replica in `ams`. */
export class AppStage implements AsyncDisposable {
  readonly app: AppUnderTest
  readonly lab: Lab
  readonly calls: Calls

  private constructor(app: AppUnderTest, lab: Lab) {
    this.app = app
    this.lab = lab
    this.calls = { ...rest, ...app.calls }
  }

  static async open(app: AppUnderTest): Promise<AppStage> {
    const lab = await startLab({
      regions: ['ord', 'ams'],
      primaryRegion: 'ord',
      rtt: { 'ord-ams': 10 },
      command: app.command ?? ['node', 'src/server.ts'],
      setup: app.setup ?? ['node', 'src/migrate.ts'],
      cwd: resolve(root, app.folder),
      env: { NODE_ENV: 'production', ...app.env },
      readyTimeoutMs: 60_000,
    })
    return new AppStage(app, lab)
  }

  /** A user who has never been here before. */
  somebody(region: string): Client {
    return new Client(this.lab, region)
  }

  async ask(client: Client, { path, init = {}, pick = (body) => body }: Call): Promise<Visit> {
    const visit = await client.send(path, init)
    return { ...visit, body: visit.status < 300 ? pick(visit.body) : visit.body }
  }

  /** A number from the primary. */
  async count(sql: string): Promise<number> {
    const { primary } = this.lab.databases as PostgresCluster
    const [row] = await primary.query<{ count: string }>(`select count(*) ${sql}`)
    return Number(row?.count)
  }

  /** Runs while nothing that is written reaches the replica. */
  async farBehind(work: () => Promise<void>): Promise<void> {
    const replica = this.lab.databases.node('ams')
    await replica.pauseReplay()
    try {
      await work()
    } finally {
      await replica.resumeReplay()
      await this.lab.databases.caughtUp()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab.dispose()
  }
}

interface Post {
  readonly id: number
  readonly title: string
  readonly views: number
}

const replayed = 'ams → ord'
const here = 'ams'

/** An answer that is right, from where it should be. */
function answers({ status, route, body, text }: Visit, statuses: readonly number[], expected: string): unknown {
  assert.deepEqual(
    { status: statuses.includes(status) ? 'right' : status, route },
    { status: 'right', route: expected },
    text,
  )
  return body
}

const titles = (body: unknown): string[] => (body as Post[]).map(({ title }) => title)

/** What is looked at in an app. */
export function checksOf({ isExample = true }: AppUnderTest): [name: string, check: Check][] {
  return Object.entries(checks).filter(([name]) => isExample || name !== countsGlue)
}

export type Check = (stage: AppStage) => Promise<void>

export const countsGlue = 'the glue is as many lines as its README says, fifteen at most'

/** What flyroute promises to every app, by the name of the test. */
export const checks: Readonly<Record<string, Check>> = {
  async 'a read is answered locally, by the replica'(stage) {
    const title = 'Not everywhere yet'
    await stage.farBehind(async () => {
      answers(await stage.ask(stage.somebody('ord'), stage.calls.add(title)), [200, 201], 'ord')
      const read = answers(await stage.ask(stage.somebody('ams'), stage.calls.list()), [200], here)
      assert.ok(!titles(read).includes(title), 'the replica cannot know of it')
    })
    const read = answers(await stage.ask(stage.somebody('ams'), stage.calls.list()), [200], here)
    assert.ok(titles(read).includes(title))
  },

  async 'a write runs in the primary region, once, with its body and its cookies'(stage) {
    const title = 'Ünïcödé, "quoted"'
    const visit = await stage.ask(stage.somebody('ams'), stage.calls.add(title))
    const post = answers(visit, [200, 201], replayed) as Post
    assert.equal(post.title, title)
    assert.equal(await stage.count(`from post where title = '${title}'`), 1)
    const cookies = visit.headers.getSetCookie()
    assert.equal(cookies.filter((cookie) => cookie.startsWith(`last-post=${post.id}`)).length, 1, cookies.join())
    assert.equal(cookies.filter((cookie) => /^flyroute[.\w]*=[^;]/.test(cookie)).length, 1, cookies.join())
  },

  async 'its author reads it at once, however far the replica is behind'(stage) {
    const author = stage.somebody('ams')
    await stage.farBehind(async () => {
      answers(await stage.ask(author, stage.calls.add('Read by its author')), [200, 201], replayed)
      const read = answers(await stage.ask(author, stage.calls.list()), [200], replayed)
      assert.ok(titles(read).includes('Read by its author'))
    })
    const read = answers(await stage.ask(author, stage.calls.list()), [200], here)
    assert.ok(titles(read).includes('Read by its author'))
  },

  async 'a GET that writes is replayed at its statement'(stage) {
    const { id } = (await stage.ask(stage.somebody('ord'), stage.calls.add('Read me'))).body as Post
    const post = answers(await stage.ask(stage.somebody('ams'), stage.calls.view(id)), [200], replayed)
    assert.deepEqual(post, { id, title: 'Read me', views: 1 })
  },

  async 'a transaction that turns into a write is run again as a whole'(stage) {
    const before = await stage.count('from report')
    const sums = answers(await stage.ask(stage.somebody('ams'), stage.calls.report()), [200], replayed)
    assert.equal((sums as { posts: number }).posts, await stage.count('from post'))
    assert.equal(await stage.count('from report'), before + 1)
  },

  async 'what a body says decides: a search stays, one that is remembered is replayed with it'(stage) {
    await stage.ask(stage.somebody('ord'), stage.calls.add('Look for a needle'))
    await stage.lab.databases.caughtUp()
    const found = answers(await stage.ask(stage.somebody('ams'), stage.calls.search('needle', false)), [200, 201], here)
    assert.deepEqual(titles(found), ['Look for a needle'])
    assert.equal(await stage.count('from search'), 0)
    const kept = answers(
      await stage.ask(stage.somebody('ams'), stage.calls.search('needle', true)),
      [200, 201],
      replayed,
    )
    assert.deepEqual(titles(kept), ['Look for a needle'])
    assert.equal(await stage.count(`from search where text = 'needle'`), 1)
  },

  async 'a body of unknown length is measured'(stage) {
    const { path, init = {}, pick } = stage.calls.add('Sent in pieces')
    const body = new Blob([init.body as string]).stream()
    const call = { path, init: { ...init, body, duplex: 'half' } as RequestInit, ...(pick && { pick }) }
    const visit = await stage.ask(stage.somebody('ams'), call)
    assert.equal((answers(visit, [200, 201], stage.app.unmeasured ? here : replayed) as Post).title, 'Sent in pieces')
  },

  async 'a body over a megabyte runs where it arrives'(stage) {
    const bytes = 1_500_000
    const visit = await stage.ask(stage.somebody('ams'), stage.calls.upload(bytes))
    assert.equal((answers(visit, [200, 201], here) as { bytes: number }).bytes, bytes)
    assert.equal(await stage.count(`from upload where bytes = ${bytes}`), 1)
  },

  async 'a refusal that the app swallows is a replay all the same'(stage) {
    const body = answers(await stage.ask(stage.somebody('ams'), stage.calls.careless()), [200], replayed)
    assert.deepEqual(body, { ok: true })
  },

  async 'errors of the app stay what they are'(stage) {
    for (const [path, { status, type, body }] of Object.entries(stage.app.errors)) {
      const visit = await stage.somebody('ams').send(path)
      const told = {
        path,
        route: visit.route,
        status: visit.status,
        type: visit.headers.get('content-type'),
        body: visit.text,
      }
      const expected = typeof body === 'string' || !body.test(visit.text) ? body : visit.text
      assert.deepEqual(told, { path, route: here, status, type, body: expected })
      assert.equal(visit.headers.getSetCookie().join(), '')
    }
  },

  async 'a stream arrives while it is made, in order'(stage) {
    await stage.ask(stage.somebody('ord'), stage.calls.add('There already'))
    await stage.lab.databases.caughtUp()
    const { path, init } = stage.calls.live()
    const response = await stage.somebody('ams').open(path, init)
    assert.equal(response.status, 200)
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    const decoder = new TextDecoder()
    let text = ''
    const until = async (part: string): Promise<void> => {
      while (!text.includes(part)) {
        const { done, value } = await reader.read()
        assert.ok(!done, `the stream ended before ${part}: ${text}`)
        text += decoder.decode(value, { stream: true })
      }
    }
    await until('There already')
    assert.ok(!text.includes('The end'))
    // Only now is there more to come, and each piece comes before the next is written.
    for (const title of ['And another', 'The end']) {
      await stage.ask(stage.somebody('ord'), stage.calls.add(title))
      await until(title)
    }
    while (!(await reader.read()).done);
    assert.match(text, /There already[^]*And another[^]*The end/)
  },

  async [countsGlue]({ app }) {
    const glue = glueOf(app.folder)
    const lines = glue.join('\n')
    assert.ok(glue.length > 0 && glue.length <= 15, lines)
    const readme = readFileSync(join(root, 'examples/README.md'), 'utf8')
    const link = relative(join(root, 'examples'), resolve(root, app.folder))
    const row = readme.split('\n').find((line) => line.startsWith('|') && line.includes(`](${link})`))
    assert.match(row ?? '', new RegExp(`\\| ${glue.length} \\|`), `examples/README.md on ${link}:\n${lines}`)
  },
}
