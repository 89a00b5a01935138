import { DataTypes, Op, Sequelize, Transaction } from 'sequelize'

export const dialects = ['postgres', 'mysql']

export async function run(dialect, url) {
  const sequelize = new Sequelize(url, {
    dialect,
    logging: false,
    ...(dialect === 'mysql' && { dialectModule: await import('mysql2').then((module) => module.default) }),
  })
  const User = sequelize.define('user', { name: { type: DataTypes.STRING(50), unique: true }, age: DataTypes.INTEGER })
  const Post = sequelize.define('post', { title: DataTypes.STRING, note: DataTypes.JSON }, { paranoid: true })
  User.hasMany(Post)
  Post.belongsTo(User)
  await sequelize.authenticate()
  await sequelize.sync()
  await sequelize.sync({ alter: true })
  await sequelize.getQueryInterface().showAllTables()
  await sequelize.getQueryInterface().describeTable('users')
  const ada = await User.create({ name: 'Ada', age: 36 })
  await User.bulkCreate([
    { name: 'Bob', age: 41 },
    { name: 'Cy', age: 7 },
  ])
  await User.bulkCreate([{ name: 'Bob', age: 42 }], { updateOnDuplicate: ['age'] })
  await User.upsert({ name: 'Ada', age: 37 })
  await User.findOrCreate({ where: { name: 'Di' }, defaults: { age: 1 } })
  const post = await Post.create({ title: 'delete from; for update', userId: ada.id })
  await ada.update({ age: 38 })
  await ada.increment('age')
  await User.update({ age: 5 }, { where: { age: { [Op.lt]: 5 } } })
  await User.findAll({
    where: { age: { [Op.gt]: 10 } },
    include: Post,
    order: [['name', 'DESC']],
    limit: 10,
    offset: 0,
  })
  await User.findAndCountAll({ include: { model: Post, required: false }, distinct: true })
  await User.findByPk(1)
  await User.count({ group: ['age'] })
  await User.max('age')
  await sequelize.query('select :a as a', { replacements: { a: 'for update' } })
  await sequelize.transaction(async (transaction) => {
    await User.findByPk(1, { transaction, lock: transaction.LOCK.UPDATE })
    await User.findByPk(1, { transaction, lock: transaction.LOCK.UPDATE, skipLocked: true })
    await User.findByPk(1, { transaction, lock: transaction.LOCK.SHARE })
    await sequelize.transaction({ transaction }, (nested) => User.findAll({ transaction: nested }))
  })
  await sequelize.transaction({ isolationLevel: Transaction.ISOLATION_LEVELS.REPEATABLE_READ }, (transaction) =>
    User.findAll({ transaction }),
  )
  if (dialect === 'postgres')
    await sequelize.transaction({ isolationLevel: Transaction.ISOLATION_LEVELS.SERIALIZABLE }, (transaction) =>
      User.findAll({ transaction }),
    )
  await post.destroy()
  await post.restore()
  await User.destroy({ where: { name: 'Bob' } })
  await Post.truncate()
  await sequelize.getQueryInterface().addColumn('users', 'email', DataTypes.STRING)
  await sequelize.getQueryInterface().addIndex('users', ['age'])
  await sequelize.getQueryInterface().removeColumn('users', 'email')
  await sequelize.drop()
  await sequelize.close()
}
