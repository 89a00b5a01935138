import module from 'knex'

export const makeKnex = module.knex
