import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { isPrimaryRequired, replayResponse } from '@flyroute/core'
import { createPool } from '@flyroute/pg'

const pool = createPool()

createServer(async (request, response) => {
  try {
    await handle(request, response)
  } catch (error) {
    // All that flyroute needs: a write that met a replica is answered with its replay.
    if (isPrimaryRequired(error)) {
      const { status, headers, body } = replayResponse(error)
      response.writeHead(status, headers).end(body)
    } else {
      console.error(error)
      response.writeHead(500).end('Something went wrong.\n')
    }
  }
}).listen(Number(process.env.PORT ?? 3000))

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === '/hit') {
    const { rows } = await pool.query('update counter set hits = hits + 1 returning hits')
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(rows[0]))
    return
  }
  const { rows } = await pool.query('select hits from counter')
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(rows[0]))
}
