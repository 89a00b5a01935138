import { Migration } from '@mikro-orm/migrations'

class Shelf extends Migration {
  override up(): void {
    this.addSql('create table shelf (id serial primary key, label text)')
    this.addSql('create index shelf_label on shelf (label)')
  }
  override down(): void {
    this.addSql('drop table shelf')
  }
}

export const migrations = {
  migrationsList: [{ name: '001_shelf', class: Shelf }],
  snapshot: false,
  silent: true,
}
