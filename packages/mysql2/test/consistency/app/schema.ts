/**
 * What the app of the workload stores: registers, lists, and a log with a row for each time that a write was executed. Each
 * write and its row in the log are one statement, by triggers, and so one transaction.
 */
export const schema: readonly string[] = [
  'create table app.register (k varchar(80) primary key, version int not null, last varchar(40) not null)',
  'create table app.list (k varchar(80) primary key, version int not null, last varchar(40) not null, items mediumtext not null)',
  'create table app.written (id varchar(40) not null, k varchar(80) not null, version int not null, index (k))',
  ...['register', 'list'].flatMap((table) =>
    ['insert', 'update'].map(
      (event) => `create trigger app.${table}_${event} after ${event} on app.${table} for each row
        insert into written (id, k, version) values (new.last, new.k, new.version)`,
    ),
  ),
  // Nothing in its call shows that it writes.
  `create definer = app@'%' procedure app.append_item(in key_of varchar(80), in id varchar(40)) modifies sql data begin
    start transaction;
    insert into list (k, version, last, items) values (key_of, 1, id, id)
      on duplicate key update version = version + 1, last = id, items = concat(items, ',', id);
    select version from list where k = key_of;
    commit;
  end`,
  `create definer = app@'%' function app.write_register(key_of varchar(80), id varchar(40)) returns int deterministic
    modifies sql data begin
    insert into register (k, version, last) values (key_of, 1, id)
      on duplicate key update version = version + 1, last = id;
    return 1;
  end`,
]

/** The position comes back with the answer, and of the version no more than whether it is the first. */
export const writeRegister =
  'insert into register (k, version, last) values (?, 1, ?) on duplicate key update version = version + 1, last = values(last)'
/** The version comes back in a row, which leaves no place for the position. */
export const writeRegisterReturning: string = `${writeRegister} returning version`
/** Nothing in its call shows that it writes. */
export const writeByFunction = 'select write_register(?, ?)'
export const readRegister = 'select version, last from register where k = ?'
export const appendToList = 'call append_item(?, ?)'
export const readList = 'select version, items from list where k = ?'
