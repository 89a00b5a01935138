import { DataTypes, type QueryInterface } from 'sequelize'

type Context = { context: QueryInterface }
export const shelf = {
  name: '001_shelf',
  up: ({ context }: Context) => context.createTable('shelf', { id: { type: DataTypes.INTEGER, primaryKey: true } }),
  down: ({ context }: Context) => context.dropTable('shelf'),
}
