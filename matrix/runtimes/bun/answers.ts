// What Bun sends of a Response, without a middleware and behind one.
import { replayable } from '@flyroute/core/fetch'
import { createPool } from '@flyroute/pg'

const kinds: Record<string, () => Response> = {
  text: () => new Response('hi'),
  typed: () => new Response('hi', { headers: { 'content-type': 'text/html' } }),
  blob: () => new Response(new Blob(['x'], { type: 'image/png' })),
  bytes: () => new Response(new Uint8Array(2)),
  json: () => Response.json({}),
  stream: () => new Response(new Blob(['streamed']).stream()),
  empty: () => new Response(null, { status: 204 }),
}
const handler = (request: Request): Response => (kinds[new URL(request.url).pathname.slice(1)] as () => Response)()
const servers = [handler, replayable(handler, { databases: [createPool()] })].map((fetch) =>
  Bun.serve({ port: 0, fetch }),
)
const told = async (url: string): Promise<unknown> => {
  const { status, headers } = await fetch(url)
  return [status, headers.get('content-type'), headers.get('content-length'), headers.get('transfer-encoding')]
}
const answers = []
for (const kind of Object.keys(kinds)) {
  const [bare, behind] = await Promise.all(servers.map(({ url }) => told(`${url}${kind}`)))
  answers.push({ kind, bare, behind })
}
console.log(JSON.stringify(answers))
process.exit()
