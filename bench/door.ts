// What a middleware adds to a request that needs nothing of it: nanoseconds beside the bare handler, on requests and responses of
// node:http without a socket, so that nothing else is in the figures. No request writes, none sends a token.
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { replayable as replayableFetch } from '@flyroute/core/fetch'
import { replayable } from '@flyroute/core/node'
import { createPool } from '@flyroute/pg'

const [rounds, perRound] = process.argv.includes('--short') ? [20, 1_000] : [100, 2_000]
const url = 'postgres://app@db.internal/app'
const pool = createPool({ env: { FLY_REGION: 'ams', PRIMARY_REGION: 'ord', DATABASE_URL: url } })
const policy = { databases: [pool] }
const headers = { host: 'app.example', accept: '*/*', cookie: 'session=abcdef; theme=dark', 'user-agent': 'bench' }
const rawHeaders = Object.entries(headers).flat()
const socket = new Socket()

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown
const nothing: Handler = () => undefined
const answers: Handler = (_, response) => void response.writeHead(200, { 'content-type': 'text/plain' })
const fetchRequest = new Request('https://app.example/posts', { headers })
const fetchHandler = (_: Request): Response => fetchAnswer
const fetchAnswer = new Response(null, { status: 204 })

function onNode(handler: Handler): () => void {
  return () => {
    const request = Object.assign(new IncomingMessage(socket), { method: 'GET', url: '/posts', httpVersionMajor: 1 })
    request.rawHeaders = rawHeaders
    handler(request, new ServerResponse(request))
  }
}

const wrappedFetch = replayableFetch(fetchHandler, policy)
const contenders: Record<string, readonly [bare: () => unknown, wrapped: () => unknown]> = {
  'node, before the handler': [onNode(nothing), onNode(replayable(nothing, policy))],
  'node, with an answer': [onNode(answers), onNode(replayable(answers, policy))],
  fetch: [() => fetchHandler(fetchRequest), () => wrappedFetch(fetchRequest)],
}

console.log('added to a request, in nanoseconds: the fastest round, and the median')
for (const [name, [bare, wrapped]] of Object.entries(contenders)) {
  const times: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    times[0].push(time(bare))
    times[1].push(time(wrapped))
    // What was made is collected between the rounds, and not in them.
    await new Promise(setImmediate)
  }
  const [without, within] = times.map((each) => each.toSorted((a, b) => a - b)) as [number[], number[]]
  const added = (at: number): string =>
    Math.round((within[at] as number) - (without[at] as number)).toLocaleString('en')
  console.log(`${name.padEnd(28)}${added(0).padStart(8)}${added(Math.floor(rounds / 2)).padStart(8)}`)
}
await pool.end()

/** Nanoseconds for one. */
function time(run: () => unknown): number {
  const begun = process.hrtime.bigint()
  for (let n = 0; n < perRound; n++) run()
  return Number(process.hrtime.bigint() - begun) / perRound
}
