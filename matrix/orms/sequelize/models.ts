import { DataTypes, type Sequelize } from 'sequelize'

/** The tables, in Sequelize's words. */
export function define(db: Sequelize): void {
  const options = { timestamps: false, freezeTableName: true }
  const Author = db.define(
    'author',
    { name: { type: DataTypes.TEXT, allowNull: false, unique: true }, age: DataTypes.INTEGER },
    options,
  )
  const Post = db.define(
    'post',
    {
      title: { type: DataTypes.TEXT, allowNull: false },
      views: DataTypes.BIGINT,
      price: DataTypes.DECIMAL(10, 2),
      tags: DataTypes.ARRAY(DataTypes.TEXT),
      details: DataTypes.JSONB,
      publishedAt: { type: DataTypes.DATE, field: 'published_at' },
    },
    options,
  )
  Author.hasMany(Post, { as: 'posts', foreignKey: 'author_id' })
  Post.belongsTo(Author, { as: 'author', foreignKey: 'author_id' })
}
