export { default as makeKnex } from 'knex'
