import { main } from '@flyroute/cli'
import { expect, test } from '@jest/globals'

async function run(...args: string[]): Promise<{ code: number; printed: string; complaint: string }> {
  let printed = ''
  let complaint = ''
  const terminal = {
    print: (text: string) => void (printed += `${text}\n`),
    complain: (text: string) => void (complaint += text),
  }
  const code = await main(['explain', ...args], terminal as never)
  return { code, printed, complaint }
}

test('says what decided, and where', async () => {
  const { code, printed } = await run('with moved as (\n  delete from queue returning *) select * from moved')
  expect(code).toBe(0)
  expect(printed).toContain('write (cte-delete)')
  expect(printed).toContain('line 2')
})

test('knows the dialects', async () => {
  expect((await run('--dialect', 'mysql', '/*!50000 insert into t values (1) */')).printed).toContain('write (insert)')
  expect((await run('--dialect', 'sqlite', 'select * from [insert]')).printed).toContain('read (select)')
})

test('lists all that is wrong', async () => {
  const { code, complaint } = await run('--dialect', 'oracle', '--colour', 'select 1')
  expect(code).toBe(2)
  expect(complaint).toContain('--dialect is one of postgres, mysql, sqlite')
  expect(complaint).toContain('--colour')
})
