import type { Dialect } from '@flyroute/core'
import { type Analysis, createClassifier } from '@flyroute/core/adapter'
import { expect, test } from '@jest/globals'

const classifiers = {
  postgres: createClassifier({ dialect: 'postgres' }),
  mysql: createClassifier({ dialect: 'mysql' }),
  sqlite: createClassifier({ dialect: 'sqlite' }),
}

const rows: [Dialect, string, Partial<Analysis>][] = [
  [
    'postgres',
    'select 1',
    {
      transaction: undefined,
      readOnly: undefined,
      chain: undefined,
      several: false,
      schema: false,
      synchronousCommit: false,
    },
  ],
  ['postgres', 'begin', { transaction: 'begin', readOnly: undefined }],
  ['postgres', 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', { transaction: 'begin', readOnly: true }],
  ['postgres', 'start transaction read write', { transaction: 'begin', readOnly: false }],
  ['postgres', 'commit', { transaction: 'commit', chain: undefined }],
  ['postgres', 'END AND CHAIN', { transaction: 'commit', chain: true }],
  ['postgres', 'commit and no chain', { transaction: 'commit', chain: false }],
  ['postgres', 'rollback', { transaction: 'rollback' }],
  ['postgres', 'abort work and chain', { transaction: 'rollback', chain: true }],
  ['postgres', 'savepoint a', { transaction: 'savepoint' }],
  ['postgres', 'release a', { transaction: 'release' }],
  ['postgres', 'rollback to savepoint a', { transaction: 'rollback-to' }],
  ['postgres', "prepare transaction 'a'", { transaction: 'prepare' }],
  ['postgres', 'prepare transaction as select 1', { transaction: undefined, access: 'read', reason: 'prepare' }],
  ['postgres', "commit prepared 'a'", { transaction: 'commit-prepared' }],
  ['postgres', "rollback prepared 'a'", { transaction: 'rollback-prepared' }],
  ['postgres', 'set transaction read only', { transaction: 'set', readOnly: true }],
  ['postgres', 'begin; set transaction read only; select 1', { transaction: 'begin', readOnly: true, several: true }],
  ['postgres', 'savepoint a; release a', { transaction: 'release', several: true }],
  ['postgres', 'commit and chain; savepoint a', { transaction: 'commit', chain: true, several: true }],
  ['postgres', 'begin read only; select 1; commit', { transaction: 'commit', readOnly: undefined, several: true }],
  [
    'postgres',
    'insert into a values (1); commit; begin',
    { access: 'write', reason: 'insert', transaction: 'begin', several: true },
  ],
  ['postgres', "select ';'; -- ;\n/* ; */ ;;", { several: false }],
  ['postgres', 'select 1; select 2', { several: true }],
  ['postgres', 'create rule r as on delete to a do instead (select 1; select 2)', { several: false, schema: true }],
  [
    'postgres',
    'create function f() returns int begin atomic; select case when true then 1 end; select 2; end',
    { several: false, schema: true },
  ],
  ['postgres', 'create function f() returns int begin atomic; select 1; end; select 2', { several: true }],
  ['postgres', 'create function f() returns int as $$ begin; select 1; end $$ language sql', { several: false }],
  ['postgres', 'create table t (a int); drop table t', { several: true, schema: true }],
  ['postgres', 'alter table t add a int', { schema: true }],
  ['postgres', 'alter system set a = 1', { schema: false }],
  ['postgres', 'truncate t', { schema: false }],
  ['postgres', 'set local Synchronous_Commit to off', { synchronousCommit: true }],
  ['postgres', "select set_config('synchronous_commit', 'off', true)", { synchronousCommit: true }],
  ['mysql', 'set @synchronous_commit = 1', { synchronousCommit: false }],
  ['mysql', 'start transaction with consistent snapshot, read only', { transaction: 'begin', readOnly: true }],
  ['mysql', 'begin', { transaction: 'begin', readOnly: undefined }],
  ['mysql', 'commit and chain', { transaction: 'commit', chain: true }],
  ['mysql', 'rollback to a', { transaction: 'rollback-to' }],
  ['mysql', 'set transaction read only', { transaction: 'set' }],
  ['mysql', 'create procedure p() begin select 1; select 2; end', { several: false, schema: true }],
  ['mysql', 'create table t (a int); select 1', { several: true, schema: true }],
  ['mysql', 'create temporary table t (a int)', { schema: false }],
  ['mysql', 'drop temporary table t', { schema: false }],
  ['mysql', 'rename table a to b', { schema: true }],
  ['sqlite', 'begin immediate', { transaction: 'begin', access: 'write' }],
  ['sqlite', 'end', { transaction: 'commit' }],
  [
    'sqlite',
    'create trigger t after insert on a begin select case when 1 then 2 end; delete from b; end; select 1',
    { several: true, schema: true },
  ],
  ['sqlite', 'create trigger t after insert on a begin select 1; delete from b; end', { several: false }],
]

test.each(rows)('%s: %s', (dialect, sql, facts) => {
  expect(classifiers[dialect].classify(sql)).toMatchObject(facts)
})
