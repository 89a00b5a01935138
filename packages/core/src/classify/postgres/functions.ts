import { type CallRule, type Scanner, unknown, type Verdict, write } from '../rules.ts'
import { COMMA, END, STRING, VALUE } from '../tokens.ts'

const BUILT_IN_SCHEMAS = new Set([undefined, 'pg_catalog', 'public'])

/** A function of pg_catalog or of an extension (which may live in any schema, but is not called by a schema one would name so). */
function builtIn(verdict: Verdict): CallRule {
  return (scanner) => (BUILT_IN_SCHEMAS.has(scanner.qualifier()) && !scanner.isAlias() ? verdict : undefined)
}

/** Functions that a standby refuses, with SQLSTATE 25006, 55000 or 0A000: they write rows, WAL, or state that only a primary has. */
const WRITING = [
  // Sequences, transaction ids, notifications
  'nextval setval pg_nextoid txid_current pg_current_xact_id pg_notify',
  // Large objects; lo_open depends on its mode
  'lo_creat lo_create lo_unlink lowrite lo_import lo_truncate lo_truncate64 lo_from_bytea lo_put',
  // The write-ahead log
  'pg_switch_wal pg_log_standby_snapshot pg_create_restore_point pg_current_wal_lsn pg_current_wal_insert_lsn',
  'pg_current_wal_flush_lsn pg_walfile_name pg_walfile_name_offset pg_logical_emit_message',
  // Replication origins
  'pg_replication_origin_create pg_replication_origin_drop pg_replication_origin_oid pg_replication_origin_session_setup',
  'pg_replication_origin_session_reset pg_replication_origin_session_is_setup pg_replication_origin_session_progress',
  'pg_replication_origin_xact_setup pg_replication_origin_xact_reset pg_replication_origin_advance',
  // Maintenance of indexes and statistics
  'brin_summarize_new_values brin_summarize_range brin_desummarize_range gin_clean_pending_list bt_index_parent_check',
  'pg_restore_relation_stats pg_clear_relation_stats pg_restore_attribute_stats pg_clear_attribute_stats',
  'pg_import_system_collations pg_truncate_visibility_map heap_force_kill heap_force_freeze',
]

/** These succeed on a standby and lock nothing that the primary knows of. `pg_advisory_unlock_all` is a session's reset. */
const ADVISORY = [
  'pg_advisory_lock pg_advisory_lock_shared pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_advisory_unlock pg_advisory_unlock_shared',
  'pg_try_advisory_lock pg_try_advisory_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared',
]

/** These need `wal_level = logical`, and run on a standby since Postgres 16 only. */
const LOGICAL = [
  'pg_create_logical_replication_slot pg_logical_slot_get_changes pg_logical_slot_peek_changes',
  'pg_logical_slot_get_binary_changes pg_logical_slot_peek_binary_changes',
]

const INV_WRITE = 0x20000

/** `lo_open(oid, mode)` refuses a mode with INV_WRITE, written as a number or as a bit string. */
function openLargeObject(scanner: Scanner): Verdict | undefined {
  const depth = scanner.depth
  let inMode = false
  for (let token = scanner.next(); token !== END && scanner.depth >= depth; token = scanner.next()) {
    if (token === COMMA && scanner.depth === depth) inMode = true
    if (!inMode) continue
    const value = scanner.text.slice(scanner.start, scanner.end)
    const bits = token === VALUE ? Number(value) : token === STRING ? Number.parseInt(value.slice(1), 16) : 0
    if ((bits & INV_WRITE) !== 0) return write('function:lo_open')
  }
  scanner.unread()
  return undefined
}

/** What a call means, by the function's name. */
export const calls: Record<string, CallRule> = {
  lo_open: openLargeObject,
}
for (const name of WRITING.join(' ').split(' ')) calls[name] = builtIn(write(`function:${name}`))
for (const name of LOGICAL.join(' ').split(' ')) calls[name] = builtIn(unknown(`function:${name}`))
for (const name of ADVISORY.join(' ').split(' ')) calls[name] = builtIn(write('advisory-lock'))
