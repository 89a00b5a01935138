// The process of `unhandled.test.ts`: one request of one kind, on a replica. What no code handles may end it.
import { createServer, type RequestListener } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { replayable as fetchable } from '../../src/fetch.ts'
import { replayable, replayMiddleware } from '../../src/node.ts'
import { FakeDatabase } from '../support/fake-database.ts'
import { ending, refused } from './cases.ts'

const [kind = '', door = '', hasListener] = process.argv.slice(2)
const database = new FakeDatabase()
const databases = [database]
const work = { ...refused, ...ending }[kind]
if (work === undefined) throw new Error(`There is no case ${kind}`)
if (hasListener) process.on('unhandledRejection', () => process.exit(3))

/** One request, in each way that it can come in; resolves to the status of its answer. */
const doors: Readonly<Record<string, () => Promise<number>>> = {
  fetch: async () => {
    const handle = fetchable(async (_: Request) => new Response(await work(database)), { databases })
    return (await handle(new Request('http://app/'))).status
  },
  handler: () => {
    const handle = replayable(async (_, response) => void response.end(await work(database)), { databases })
    return ask(handle as RequestListener)
  },
  middleware: () => {
    const middleware = replayMiddleware({ databases })
    return ask((request, response) =>
      middleware(request, response, () => void work(database).then((text) => response.end(text))),
    )
  },
}

async function ask(listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const { status } = await fetch(`http://127.0.0.1:${port}/`)
  server.close()
  return status
}

// As a server does, it keeps the process alive.
const alive = setInterval(() => undefined, 1_000)
const status = await doors[door]?.()
// Whatever comes late comes now.
await sleep(50)
console.log(`answered ${status}, ${process.listenerCount('unhandledRejection')} listeners`)
clearInterval(alive)
