import { createClassifier, createStatementMemory, type StatementMemory } from '@flyroute/core/adapter'
import { expect, test } from '@jest/globals'

const memoryOf = (dialect: 'postgres' | 'mysql'): StatementMemory =>
  createStatementMemory(createClassifier({ dialect }))

test('EXECUTE is what was prepared under its name', () => {
  const memory = memoryOf('postgres')
  expect(memory.classify('PREPARE pay (int) AS UPDATE orders SET paid = true WHERE id = $1')).toMatchObject({
    access: 'read',
    reason: 'prepare',
  })
  expect(memory.classify('execute pay(1)')).toMatchObject({ access: 'write', reason: 'update' })
  expect(memory.classify('explain analyze execute pay(1)')).toMatchObject({ access: 'write', reason: 'update' })
  expect(memory.classify('prepare look as select 1')).toMatchObject({ access: 'read' })
  expect(memory.classify('EXECUTE look')).toMatchObject({ access: 'read', reason: 'select' })
})

test('EXECUTE of a name that is not known stays unknown', () => {
  const memory = memoryOf('postgres')
  memory.classify('prepare pay as delete from orders')
  expect(memory.classify('execute play')).toMatchObject({ access: 'unknown', reason: 'execute' })
  expect(memoryOf('postgres').classify('execute pay')).toMatchObject({ access: 'unknown', reason: 'execute' })
})

test('names follow the rules of SQL', () => {
  const memory = memoryOf('postgres')
  memory.classify('prepare Pay as delete from orders')
  memory.classify('prepare "Pay" as select 1')
  expect(memory.classify('execute pay').access).toBe('write')
  expect(memory.classify('execute "pay"').access).toBe('write')
  expect(memory.classify('execute "Pay"').access).toBe('read')
})

test.each([
  ['deallocate pay', 'unknown'],
  ['DEALLOCATE PREPARE pay', 'unknown'],
  ['deallocate all', 'unknown'],
  ['discard all', 'unknown'],
  ['discard plans', 'write'],
  ['deallocate other', 'write'],
])('after %s an EXECUTE is %s', (sql, access) => {
  const memory = memoryOf('postgres')
  memory.classify('prepare pay as delete from orders')
  memory.classify(sql)
  expect(memory.classify('execute pay').access).toBe(access)
})

test('MySQL prepares texts', () => {
  const memory = memoryOf('mysql')
  memory.classify("PREPARE pay FROM 'update orders set note = ''it''''s paid'''")
  memory.classify('prepare look from "select \\"delete\\""')
  memory.classify('prepare later from @text')
  memory.classify("prepare locking from 'select * from orders\\nfor update'")
  expect(memory.classify('execute locking')).toMatchObject({ access: 'write', reason: 'locking-clause' })
  expect(memory.classify('execute pay using @a')).toMatchObject({ access: 'write', reason: 'update' })
  expect(memory.classify('EXECUTE look')).toMatchObject({ access: 'read', reason: 'select' })
  expect(memory.classify('execute later')).toMatchObject({ access: 'unknown', reason: 'execute' })
  memory.classify('drop prepare pay')
  expect(memory.classify('execute pay')).toMatchObject({ access: 'unknown' })
})

test('one text may prepare and execute', () => {
  const memory = memoryOf('postgres')
  expect(memory.classify('prepare pay as delete from orders; execute pay')).toMatchObject({
    access: 'write',
    reason: 'delete',
    several: true,
  })
  expect(memory.classify('execute pay; insert into log values (1)')).toMatchObject({ access: 'write' })
  memory.classify('prepare look as select 1')
  expect(memory.classify('execute look; insert into log values (1)')).toMatchObject({
    access: 'write',
    reason: 'insert',
  })
})

test('named statements of the protocol share the names', () => {
  const memory = memoryOf('postgres')
  memory.remember('pay', 'delete from orders where id = $1')
  expect(memory.recall('pay')).toMatchObject({ access: 'write', reason: 'delete' })
  expect(memory.classify('execute pay(1)')).toMatchObject({ access: 'write', reason: 'delete' })
  memory.forget('pay')
  expect(memory.recall('pay')).toBeUndefined()
  memory.remember('a', 'select 1')
  memory.forget()
  expect(memory.recall('a')).toBeUndefined()
})

test('what is learned of a text counts for the names it has', () => {
  const classifier = createClassifier({ dialect: 'postgres' })
  const memory = createStatementMemory(classifier)
  memory.remember('touch', 'select touch($1)')
  classifier.learn('select touch($1)')
  expect(memory.recall('touch')).toMatchObject({ access: 'write', reason: 'learned' })
})
