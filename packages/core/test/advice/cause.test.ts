import { expect, test } from '@jest/globals'
import { causeOf } from '../../src/advice/cause.ts'
import { createClassifier } from '../../src/classify/classifier.ts'
import type { Dialect } from '../../src/classify/types.ts'

const cause = (text: string, dialect: Dialect = 'postgres'): string =>
  causeOf(createClassifier({ dialect }).classify(text), text)

test.each<[text: string, cause: string]>([
  ['update post set views = views + 1', 'update post'],
  ['UPDATE ONLY app."Post" SET x = 1', 'update app.Post'],
  ['\n-- note\n/* a * comment */ insert into session (sid) values ($1)', 'insert session'],
  ['delete from cart where id = $1', 'delete cart'],
  ['merge into stock using sold on true when matched then delete', 'merge stock'],
  ['select 1 for update', 'locking-clause'],
  ['begin isolation level serializable', 'serializable'],
  ['select visit(7)', 'function:visit'],
])('%j is %s', (text, expected) => {
  expect(cause(text)).toBe(expected)
})

test.each<[text: string, cause: string]>([
  ['replace into `app`.`cart` values (1)', 'replace app.cart'],
  ['insert ignore into visit values (1)', 'insert visit'],
])('in MySQL %j is %s', (text, expected) => {
  expect(cause(text, 'mysql')).toBe(expected)
})

test('no value gets into it, whatever it looks like', () => {
  const hidden = "with a as (select 'update hunter2 set') insert into audit select * from a"
  expect(cause(hidden)).toBe('insert')
  expect(cause("insert into audit values ('delete from hunter2')")).toBe('insert audit')
  expect(cause("/* 'update hunter2' */ delete from audit where text = 'update hunter2'")).toBe('delete audit')
})
