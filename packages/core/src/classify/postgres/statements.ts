import { read, type Scanner, type StatementNotes, type StatementRule, unknown, type Verdict, write } from '../rules.ts'
import { always, ddl, query, withQuery } from '../shared.ts'
import { closing, savepoint } from '../transaction.ts'
import { anonymousBlock } from './block.ts'
import { copy, declare, lock, merge } from './data.ts'
import { explain } from './explain.ts'
import { begin, deallocate, discard, execute, prepare, set } from './session.ts'
import { BEHIND_CTES } from './verbs.ts'

function alter(scanner: Scanner, notes: StatementNotes): Verdict {
  // ALTER SYSTEM writes a file of this server, replica or not.
  if (scanner.accept('system')) return read('alter-system')
  notes.schema = true
  return write('alter')
}

const commit = closing('commit')
const rollback = closing('rollback')

/** What a statement means, by its first word. */
export const statements: Record<string, StatementRule> = {
  select: query(read('select')),
  values: query(read('values')),
  table: query(read('table')),
  with: withQuery(BEHIND_CTES),
  insert: always(write('insert')),
  update: always(write('update')),
  delete: always(write('delete')),
  merge,
  explain,
  copy,
  lock,
  begin,
  start: begin,
  commit,
  end: commit,
  rollback,
  abort: rollback,
  savepoint: savepoint('savepoint'),
  release: savepoint('release'),
  prepare,
  execute,
  deallocate,
  discard,
  set,
  declare,
  alter,
  create: ddl('create'),
  drop: ddl('drop'),
  import: ddl('import'),
  truncate: always(write('truncate')),
  comment: always(write('comment')),
  security: always(write('security-label')),
  grant: always(write('grant')),
  revoke: always(write('revoke')),
  reassign: always(write('reassign')),
  refresh: always(write('refresh')),
  vacuum: always(write('vacuum')),
  analyze: always(write('analyze')),
  analyse: always(write('analyze')),
  reindex: always(write('reindex')),
  cluster: always(write('cluster')),
  repack: always(write('repack')),
  listen: always(write('listen')),
  notify: always(write('notify')),
  unlisten: always(read('unlisten')),
  call: query(unknown('call')),
  do: anonymousBlock,
  show: always(read('show')),
  reset: always(read('reset')),
  fetch: always(read('fetch')),
  move: always(read('move')),
  close: always(read('close')),
  load: always(read('load')),
  checkpoint: always(read('checkpoint')),
  wait: always(read('wait')),
}
