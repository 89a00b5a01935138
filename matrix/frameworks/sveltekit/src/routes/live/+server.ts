import { setTimeout as sleep } from 'node:timers/promises'
import type { RequestHandler } from '@sveltejs/kit'
import { pool } from '../../lib/pool.ts'

// A stream, made while it is read.
export const GET: RequestHandler = () => {
  const stream = new ReadableStream<Uint8Array>({
    async start(controller) {
      const encoder = new TextEncoder()
      for (let last = 0, title = ''; title !== 'The end'; await sleep(20)) {
        const { rows } = await pool.query('select id, title from post where id > $1 order by id', [last])
        for (const row of rows) {
          ;({ id: last, title } = row)
          controller.enqueue(encoder.encode(`${title}\n`))
        }
      }
      controller.close()
    },
  })
  return new Response(stream, { headers: { 'content-type': 'text/plain' } })
}
