import { pool } from '../../lib/pool'

// A transaction that turns into a write half-way. Nothing here knows about regions.
export async function GET(): Promise<Response> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const { rows } = await client.query(
      'select count(*)::int as posts, coalesce(sum(views), 0)::int as views from post',
    )
    await client.query('insert into report (posts, views) values ($1, $2)', [rows[0].posts, rows[0].views])
    await client.query('commit')
    return Response.json(rows[0])
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
}
