import type { MigrationInterface, QueryRunner } from 'typeorm'

export class Shelf1700000000000 implements MigrationInterface {
  readonly name = 'Shelf1700000000000'
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('create table shelf (id serial primary key, label text)')
    await runner.query('create index shelf_label on shelf (label)')
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table shelf')
  }
}
