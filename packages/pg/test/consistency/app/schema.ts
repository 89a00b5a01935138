import pg from 'pg'

/** What the app of the workload stores: registers, lists, and a log with a row for each time that a write was executed. */
export const schema = `
  create table if not exists register (key text primary key, version int not null, last text not null);
  create table if not exists list (key text primary key, version int not null, items text[] not null);
  create table if not exists written (id text not null, key text not null, version int not null);`

/** Each write and its row in the log are one statement, and so one transaction. */
const logged = (made: string, id: string, key: string): string =>
  `with made as (${made} returning version)
   insert into written (id, key, version) select ${id}, ${key}, version from made returning version`

const registerSql = (key: string, id: string): string =>
  logged(
    `insert into register as row (key, version, last) values (${key}, 1, ${id})
     on conflict (key) do update set version = row.version + 1, last = ${id}`,
    id,
    key,
  )

/** Nothing in its call shows that it writes. Parameters: key, id. */
export const writeByFunction = 'select write_register($1, $2) as version'
/** Parameters: key, id. */
export const writeRegister: string = registerSql('$1::text', '$2::text')
/** Made after the tables that it writes. */
export const functions: string = `create or replace function write_register(text, text) returns int language sql as $$ ${writeRegister} $$`
export const readRegister = 'select version, last from register where key = $1'
export const appendToList: string = logged(
  `insert into list as row (key, version, items) values ($1, 1, array[$2::text])
   on conflict (key) do update set version = row.version + 1, items = row.items || $2::text`,
  '$2::text',
  '$1::text',
)
export const readList = 'select version, items from list where key = $1'

/** The write of a register as one string, for the driver's simple protocol. */
export function writeRegisterText(key: string, id: string): string {
  return registerSql(pg.escapeLiteral(key), pg.escapeLiteral(id))
}
