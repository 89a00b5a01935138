import { json, type RequestHandler } from '@sveltejs/kit'
import { pool } from '../../lib/pool.ts'

// A handler that makes light of errors: the refusal is remembered all the same.
export const GET: RequestHandler = async () => {
  const ok = await pool.query("insert into search (text) values ('nothing')").then(
    () => true,
    () => false,
  )
  return json({ ok }, { status: ok ? 200 : 500 })
}
