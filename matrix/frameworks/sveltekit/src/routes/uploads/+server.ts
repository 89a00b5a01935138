import { json, type RequestHandler } from '@sveltejs/kit'
import { pool } from '../../lib/pool.ts'

// An upload: over a megabyte Fly Proxy cannot replay it, so it runs here, with a connection to the primary.
export const POST: RequestHandler = async ({ request }) => {
  const { byteLength } = await request.arrayBuffer()
  const { rows } = await pool.query('insert into upload (bytes) values ($1) returning bytes', [byteLength])
  return json(rows[0], { status: 201 })
}
