import { type Ask, postgresFacts } from '@flyroute/core/adapter'
import { expect, test } from '@jest/globals'

const row = ['true', '1', '7', '00000001', '0/1', '0/1', null, null]
const failing = (...codes: string[]) => {
  const asked: string[] = []
  const ask: Ask = async (sql) => {
    asked.push(sql)
    const code = codes.shift()
    if (code === undefined) return [row]
    const message = 'canceling statement due to conflict with recovery'
    throw Object.assign(new Error(message), { code, severity: 'ERROR' })
  }
  return { asked, ask }
}
const observe = (ask: Ask) => postgresFacts().observe(ask, 'replica')

test('a question that replay has cancelled is asked once more, and means nothing', async () => {
  const { asked, ask } = failing('40001')
  expect(await observe(ask)).toMatchObject({ at: '0/1', cluster: '7' })
  expect(asked[1]).toBe(asked[0])
  await expect(observe(failing('40001', '40001').ask)).rejects.toMatchObject({ code: '40001' })
})

test('a more modest question follows only where a function is refused for good', async () => {
  for (const code of ['42501', '42883', '0A000']) {
    const { asked, ask } = failing(code)
    await observe(ask)
    expect(asked[1]).not.toBe(asked[0])
  }
  for (const code of ['57P01', '53300', '57014', 'XX000']) {
    await expect(observe(failing(code).ask)).rejects.toMatchObject({ code })
  }
})

test('servers that do not say which they are are told apart by their addresses', async () => {
  const mute: Ask = async (sql) => {
    if (sql.includes('pg_postmaster_start_time'))
      throw Object.assign(new Error('no'), { code: '42501', severity: 'ERROR' })
    return [['true']]
  }
  const modest = await postgresFacts().observe(mute, 'replica', 'db.internal:5433')
  expect(modest).toMatchObject({ role: 'replica', at: undefined, instance: '@db.internal:5433' })
})
