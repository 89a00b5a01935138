// What counting for `flyroute advise` adds to a request with one read: processor time, on requests of node:http without a socket and
// on database sockets that answer by themselves, so that nothing else is in the figures; and beside it what such a request takes in
// all, with HTTP and a Postgres. Both take short turns: the median of what neighbours differ by is what remains on a busy machine.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, createServer, get, IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { replayable } from '@flyroute/core/node'
import { startPostgres } from '@flyroute/lab/databases'
import { createPool, type FlyroutePool } from '@flyroute/pg'
import { AnsweringSocket } from './lib/answering-socket.ts'

const [rounds, perRound] = process.argv.includes('--short') ? [3, 500] : [151, 1_500]
const clients = 20
const text = 'select id, title from post where id = 7'
const folder = mkdtempSync(join(tmpdir(), 'advise-'))

// Where core keeps what it counts, once for a process: here it does and does not, by turns.
const slot = Reflect.get(globalThis, Symbol.for('flyroute.traffic.v1')) as { traffic: unknown; isDecided: boolean }

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** An app with one region, whose middleware counts or does not. */
function open(pool: FlyroutePool, counts: boolean): { handler: Handler; begin: () => void } {
  process.env['FLYROUTE_ADVISE'] = counts ? folder : ''
  slot.isDecided = false
  const handle: Handler = async (_, response) => {
    const { rows } = await pool.query(text)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(rows[0]))
  }
  const handler = replayable(handle, { databases: [pool] })
  const { traffic } = slot
  return {
    handler,
    begin() {
      slot.traffic = traffic
    },
  }
}

const settings = { max: clients, idleTimeoutMillis: 0, stream: () => new AnsweringSocket('primary') as never }
const instant = createPool({ connectionString: 'postgres://app@db.internal/app', ...settings })
const contenders = { 'not counted': open(instant, false), counted: open(instant, true) }
const socket = new Socket()
const headers = ['host', 'app.example', 'accept', '*/*', 'cookie', 'session=abcdef; theme=dark', 'user-agent', 'bench']

async function requestOnce(handler: Handler, n: number): Promise<void> {
  const request = Object.assign(new IncomingMessage(socket), { method: 'GET', url: `/posts/${n}`, httpVersionMajor: 1 })
  request.rawHeaders = headers
  await handler(request, new ServerResponse(request))
}

/** Processor time for one, in microseconds. */
async function microsecondsFor(run: (n: number) => Promise<void>, count: number): Promise<number> {
  let left = count
  const client = async (): Promise<void> => {
    while (left-- > 0) await run(left)
  }
  const begun = process.cpuUsage()
  await Promise.all(Array.from({ length: clients }, client))
  const { user, system } = process.cpuUsage(begun)
  return (user + system) / count
}

const times = new Map(Object.keys(contenders).map((name) => [name, [] as number[]]))
for (let round = -2; round < rounds; round++) {
  const turns = Object.entries(contenders)
  for (const [name, { handler, begin }] of round % 2 === 0 ? turns : turns.toReversed()) {
    begin()
    const spent = await microsecondsFor((n) => requestOnce(handler, n), perRound)
    if (round >= 0) times.get(name)?.push(spent)
  }
}
await instant.end()
const whole = await wholeRequest()
rmSync(folder, { recursive: true })

const [off = [], on = []] = times.values()
const differences = on.map((time, round) => time - (off[round] as number)).toSorted((a, b) => a - b)
const [low, added, high] = [0.25, 0.5, 0.75].map((share) => differences[Math.floor(rounds * share)] ?? Number.NaN)
console.log(
  `added to a request with one read, in µs of processor time: ${added?.toFixed(2)} (middle half ${low?.toFixed(2)} – ${high?.toFixed(2)})`,
)
console.log(`that is ${(((added ?? 0) / whole) * 100).toFixed(2)} % of the ${whole.toFixed(0)} µs that it takes in all`)
process.exit()

/** The same with HTTP and a Postgres, but for what the client of this very process takes: that is asked for an empty answer. */
async function wholeRequest(): Promise<number> {
  await using cluster = await startPostgres({ replicas: 0 })
  const pool = createPool({ connectionString: cluster.primary.url, max: clients })
  await pool.query("create table post as select id, 'Title ' || id as title from generate_series(1, 1000) id")
  const { handler, begin } = open(pool, false)
  begin()
  const server = createServer((request, response) => {
    if (request.url === '/') response.end()
    else void handler(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const ask = async (path: string): Promise<void> => {
    const [response] = (await once(get({ port, path, agent }), 'response')) as [IncomingMessage]
    await once(response.resume(), 'end')
  }
  const least = { page: Number.POSITIVE_INFINITY, nothing: Number.POSITIVE_INFINITY }
  for (let round = 0; round < 5; round++) {
    least.nothing = Math.min(least.nothing, await microsecondsFor(() => ask('/'), 2_000))
    least.page = Math.min(least.page, await microsecondsFor((n) => ask(`/posts/${n}`), 2_000))
  }
  agent.destroy()
  server.close()
  await pool.end()
  // What the server does for an empty answer is about half of that.
  return least.page - least.nothing / 2
}
