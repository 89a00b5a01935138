/**
 * Asks for what `openTransactions` reads, in the column `Status`. `information_schema.innodb_trx` would not do: it is a copy, and
 * InnoDB makes no new one as long as the old one is read more often than every 100 ms (`trx0i_s.cc`). What was open at the first
 * look is open at each.
 */
export const innodbStatus = 'show engine innodb status'

/** The users of the transactions that are open on a MariaDB or MySQL server. */
export function openTransactions(status: string): string[] {
  if (!status.includes('LIST OF TRANSACTIONS')) throw new Error('This is no status of InnoDB')
  return status
    .split('---TRANSACTION ')
    .filter((part) => /^\S+ ACTIVE/.test(part))
    .map((part) => /thread id \d+,.* query id \d+ (?:\S+ )?\S+ (?<user>\S+)/.exec(part)?.groups?.user ?? 'the server')
}
