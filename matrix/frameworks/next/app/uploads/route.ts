import { pool } from '../../lib/pool'

// An upload: over a megabyte Fly Proxy cannot replay it, so it runs here, with a connection to the primary.
export async function POST(request: Request): Promise<Response> {
  const { byteLength } = await request.arrayBuffer()
  const { rows } = await pool.query('insert into upload (bytes) values ($1) returning bytes', [byteLength])
  return Response.json(rows[0], { status: 201 })
}
