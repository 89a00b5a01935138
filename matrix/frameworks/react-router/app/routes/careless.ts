import { pool } from '../pool.server'

// A loader that makes light of errors: the refusal is remembered all the same.
export async function loader(): Promise<Response> {
  const ok = await pool.query("insert into search (text) values ('nothing')").then(
    () => true,
    () => false,
  )
  return Response.json({ ok }, { status: ok ? 200 : 500 })
}
