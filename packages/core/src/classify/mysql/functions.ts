import { type CallRule, write } from '../rules.ts'

const ADVISORY_LOCK: CallRule = () => write('advisory-lock')

/** What a call means, by the function's name. */
export const calls: Record<string, CallRule> = {
  // Locks of the server they are asked of: on a replica they keep no other server's sessions out.
  get_lock: ADVISORY_LOCK,
  release_lock: ADVISORY_LOCK,
  is_free_lock: ADVISORY_LOCK,
  is_used_lock: ADVISORY_LOCK,
  // Sequences of MariaDB.
  nextval: () => write('function:nextval'),
  setval: () => write('function:setval'),
}
