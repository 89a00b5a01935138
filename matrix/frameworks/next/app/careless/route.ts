import { pool } from '../../lib/pool'

export const dynamic = 'force-dynamic'

// A handler that makes light of errors: the refusal is remembered all the same.
export async function GET(): Promise<Response> {
  const ok = await pool.query("insert into search (text) values ('nothing')").then(
    () => true,
    () => false,
  )
  return Response.json({ ok }, { status: ok ? 200 : 500 })
}
