import { json, type RequestHandler } from '@sveltejs/kit'
import { pool } from '../../lib/pool.ts'

// A POST that reads, unless its body says more: then the whole request is run again in the primary region.
export const POST: RequestHandler = async ({ request }) => {
  const { text, remember } = await request.json()
  const { rows } = await pool.query('select id, title, views from post where title like $1', [`%${text}%`])
  if (remember) await pool.query('insert into search (text) values ($1)', [text])
  return json(rows)
}
